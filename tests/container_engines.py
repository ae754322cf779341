"""Real engines for tests: a dockerd, a podman and a registry of their own, gone at the end.

A test that takes the fixture ``docker`` or ``podman`` gets an ``Engine`` with the image ``BASE``;
one that takes ``engine`` runs with both. Where an engine is not installed, or may not run, the
test is skipped (see ``tests/requirements.py``). Tests of one engine run on one worker.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from runyard.containers.engine import Engine
from runyard.containers.login import Login, logged_in
from tests import container_image
from tests.requirements import missing

BASE = "runyard-tests/base:1"
"""An image with /bin/sh, coreutils and /usr/bin/python3, and nothing that it runs by itself."""

PYTHON = "/usr/bin/python3"

_START_S = 60.0
_END_S = 20.0
_USER, _PASSWORD = "alice", "open sesame"
# Of this password, as htpasswd -B makes it.
_HTPASSWD = "alice:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every worker one engine at most: that is what xdist's --dist loadgroup does."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        wanted = {parameters.get("engine"), *getattr(item, "fixturenames", ())}
        groups = [name for name in ("docker", "podman") if name in wanted]
        if groups:
            item.add_marker(pytest.mark.xdist_group(groups[0]))
            item.add_marker(pytest.mark.integration)


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def docker(_dockerd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    # The logins and plug-ins of who runs the tests do not count.
    variables = {"DOCKER_HOST": _dockerd, "DOCKER_CONFIG": str(tmp_path / "docker-config")}
    with _in_use(Engine("docker", _program("docker")), variables, monkeypatch) as engine:
        yield engine


@pytest.fixture
def podman(_podman: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with _in_use(Engine("podman", _program("podman")), _podman, monkeypatch) as engine:
        yield engine


@contextmanager
def _in_use(
    engine: Engine, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    chosen = {**variables, "RUNYARD_CONTAINER_ENGINE": engine.name}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    yield engine
    # The test may have led elsewhere.
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    _remove_containers(engine)


def _remove_containers(engine: Engine) -> None:
    for container in engine.ask("ps", "--all", "--quiet").split():
        engine.remove(container)


@pytest.fixture(scope="session")
def _dockerd() -> Iterator[str]:
    """The address of a daemon that has the image BASE."""
    program = _program("dockerd", "docker")
    _needs_root("docker")
    image = _image()
    with _folder("dockerd") as folder, _running_dockerd(program, folder) as address:
        environment = {**os.environ, "DOCKER_HOST": address}
        _run([_program("docker"), "import", str(image), BASE], environment)
        yield address


@pytest.fixture
def mortal_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The pid of a daemon that has the image BASE, and that the test may kill."""
    program = _program("dockerd", "docker")
    _needs_root("docker")
    image = _image()
    with _folder("dockerd") as folder, _running_dockerd(program, folder) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
        monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", "docker")
        _run([_program("docker"), "import", str(image), BASE], dict(os.environ))
        yield int((folder / "pid").read_text())


@contextmanager
def _running_dockerd(program: str, folder: Path) -> Iterator[str]:
    address = f"unix://{folder}/socket"
    argv = [
        *(program, "--host", address, "--pidfile", f"{folder}/pid"),
        *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
        # A start that needs no right to change the network of this machine.
        *("--iptables=false", "--bridge=none"),
    ]
    probe = [_program("docker"), "--host", address, "version"]
    with _service(argv, folder / "log", _answers(probe), "docker"):
        yield address


@pytest.fixture(scope="session")
def _podman(_registry_address: str) -> Iterator[dict[str, str]]:
    """The variables of a podman that has the image BASE."""
    program = _program("podman")
    _needs_root("podman")
    image = _image()
    with _folder("podman") as folder:
        variables = _podman_settings(folder, _registry_address)
        environment = {**os.environ, **variables}
        _run([program, "import", "--quiet", str(image), BASE], environment)
        yield variables
        _run([program, "rm", "--all", "--force"], environment)


def _podman_settings(folder: Path, registry: str) -> dict[str, str]:
    files = {
        # Limits that this process has: to raise them is not allowed everywhere.
        "CONTAINERS_CONF": "[engine]\n"
        'runtime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        f'tmp_dir = "{folder}/tmp"\nvolume_path = "{folder}/volumes"\n'
        '[containers]\ndefault_ulimits = ["nofile=1024:2048", "nproc=2048:4096"]\n',
        "CONTAINERS_STORAGE_CONF": "[storage]\n"
        f'driver = "{_storage_driver(folder)}"\ngraphroot = "{folder}/graph"\n'
        f'runroot = "{folder}/run"\n',
        "CONTAINERS_REGISTRIES_CONF": f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n',
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    return {name: str(folder / name) for name in files}


def _storage_driver(folder: Path) -> str:
    """overlay where the system lets it be mounted, as in dockerd; vfs copies every image."""
    for name in ("lower", "upper", "work", "merged"):
        (folder / "try" / name).mkdir(parents=True)
    layers = ",".join(f"{name}dir={folder}/try/{name}" for name in ("lower", "upper", "work"))
    merged = str(folder / "try/merged")
    mount = ["mount", "-t", "overlay", "overlay", "-o", layers, merged]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        return "vfs"
    subprocess.run(["umount", merged], check=True)
    return "overlay"


class Registry(NamedTuple):
    """A private registry on loopback: it gives nothing to anyone without the password."""

    address: str
    username: str = _USER
    password: str = _PASSWORD

    @property
    def login(self) -> Login:
        return Login(self.address, self.username, self.password)

    def push(self, engine: Engine, image: str, name: str) -> str:
        """Put an image there as ``name`` ('team/base:1'), and return its whole name."""
        reference = f"{self.address}/{name}"
        engine.tag(image, reference)
        with logged_in(engine.name, engine.program, self.login) as options:
            engine.ask(*options.first, "push", *options.after, reference)
        engine.remove_image(reference)
        return reference


@pytest.fixture(scope="session")
def _registry_address() -> str:
    return f"127.0.0.1:{_free_port()}"


@pytest.fixture(scope="session")
def registry(_registry_address: str) -> Iterator[Registry]:
    program = _program("docker-registry")
    with _folder("registry") as folder:
        (folder / "htpasswd").write_text(_HTPASSWD)
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: warn}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
            f"http: {{addr: '{_registry_address}'}}\n"
            f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"
        )
        argv = [program, "serve", str(folder / "config.yml")]
        listens = _listens(_registry_address)
        with _service(argv, folder / "log", listens, "docker-registry"):
            yield Registry(_registry_address)


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """The address of a server for the git repositories that a test makes in ``tmp_path``."""
    address = f"127.0.0.1:{_free_port()}"
    host, port = address.split(":")
    argv = [
        *(_program("git"), "daemon", "--export-all", f"--base-path={tmp_path}"),
        *(f"--listen={host}", f"--port={port}"),
    ]
    with _service(argv, tmp_path / "git-daemon.log", _listens(address), "git"):
        yield f"git://{address}"


def _program(name: str, requirement: str = "") -> str:
    path = shutil.which(name)
    if path is None:
        missing(requirement or name, f"{name} is not here")
    return path


def _needs_root(name: str) -> None:
    if os.geteuid() != 0:
        missing(name, f"only root can start a {name} of the tests' own")


def _image() -> Path:
    if not os.environ.get("RUNYARD_TEST_IMAGE"):
        _program("mmdebstrap")
    try:
        return container_image.path()
    except subprocess.CalledProcessError as failure:
        missing("mmdebstrap", f"no image can be made: {failure.stderr[-500:]}")


def _run(argv: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{argv}: {done.stderr}"


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder of a short name (that of a socket is limited), removed with what is mounted there.

    Not in pytest's own, which it keeps: what the engines store is large.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"runyard-{name}-"))
    try:
        yield folder
    finally:
        _end_processes_of(folder)
        for place in _mounted_below(folder):
            subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(folder)


def _end_processes_of(folder: Path) -> None:
    """End what a daemon that was killed has left: those that hold its containers, and these."""
    for process in psutil.process_iter(["cmdline"]):
        if any(f"{folder}/" in argument for argument in process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                for one in [*process.children(recursive=True), process]:
                    one.kill()


def _mounted_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1] for line in lines]
    return sorted((place for place in places if place.startswith(f"{folder}/")), reverse=True)


@contextmanager
def _service(
    argv: list[str], log: Path, ready: Callable[[], bool], requirement: str
) -> Iterator[None]:
    """Run a daemon of the tests: until the end of the block, or of this process if it is killed."""
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *argv],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        if not _wait_for(ready, process):
            missing(requirement, f"{argv[0]} does not start: {log.read_text()[-500:]}")
        yield
    finally:
        _end(process)


def _wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the daemon, which ends its containerd; what it does not end goes with its session."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _answers(argv: list[str]) -> Callable[[], bool]:
    return lambda: subprocess.run(argv, capture_output=True, timeout=30).returncode == 0


def _listens(address: str) -> Callable[[], bool]:
    host, port = address.split(":")

    def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0

    return listens


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port
