"""Real engines for tests: a dockerd, a podman and a registry of their own, gone at the end.

A test that takes the fixture ``docker`` or ``podman`` gets an ``Engine`` with the image ``BASE``;
one that takes ``engine`` runs with both. Where an engine is not installed, or may not run, the
test is skipped (see ``tests/requirements.py``). Tests of one engine run on one worker.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from runyard.containers.engine import Engine
from runyard.containers.login import Login, logged_in
from tests.daemons import (
    base_image,
    dockerd,
    folder_of,
    free_port,
    listens,
    needs_root,
    program_of,
    run,
    service,
)

BASE = "runyard-tests/base:1"
"""An image with /bin/sh, coreutils and /usr/bin/python3, and nothing that it runs by itself."""

PYTHON = "/usr/bin/python3"

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
    with _in_use(Engine("docker", program_of("docker")), variables, monkeypatch) as engine:
        yield engine


@pytest.fixture
def podman(_podman: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with _in_use(Engine("podman", program_of("podman")), _podman, monkeypatch) as engine:
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
    with dockerd(BASE) as (address, _):
        yield address


@pytest.fixture
def mortal_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The pid of a daemon that has the image BASE, and that the test may kill."""
    with dockerd(BASE) as (address, pid):
        monkeypatch.setenv("DOCKER_HOST", address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
        monkeypatch.setenv("RUNYARD_CONTAINER_ENGINE", "docker")
        yield pid


@pytest.fixture(scope="session")
def _podman(_registry_address: str) -> Iterator[dict[str, str]]:
    """The variables of a podman that has the image BASE."""
    program = program_of("podman")
    needs_root("podman")
    image = base_image()
    with folder_of("podman") as folder:
        variables = _podman_settings(folder, _registry_address)
        environment = {**os.environ, **variables}
        run([program, "import", "--quiet", str(image), BASE], environment)
        yield variables
        run([program, "rm", "--all", "--force"], environment)


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
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="session")
def registry(_registry_address: str) -> Iterator[Registry]:
    program = program_of("docker-registry")
    with folder_of("registry") as folder:
        (folder / "htpasswd").write_text(_HTPASSWD)
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: warn}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
            f"http: {{addr: '{_registry_address}'}}\n"
            f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"
        )
        argv = [program, "serve", str(folder / "config.yml")]
        ready = listens(_registry_address)
        with service(argv, folder / "log", ready, "docker-registry"):
            yield Registry(_registry_address)


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """The address of a server for the git repositories that a test makes in ``tmp_path``."""
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    argv = [
        *(program_of("git"), "daemon", "--export-all", f"--base-path={tmp_path}"),
        *(f"--listen={host}", f"--port={port}"),
    ]
    with service(argv, tmp_path / "git-daemon.log", listens(address), "git"):
        yield f"git://{address}"
