"""Daemons of the tests' own, and what they need: gone at the end of their block."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests import container_image
from tests.leftovers import unmarked
from tests.requirements import missing

_START_S = 60.0
_END_S = 20.0
_GIVEN: set[int] = set()


@contextmanager
def dockerd(*images: str) -> Iterator[tuple[str, int]]:
    """A daemon that has the base image by these names: its address and its pid."""
    program = program_of("dockerd", "docker")
    needs_root("docker")
    image = base_image()
    with folder_of("dockerd") as folder:
        address = f"unix://{folder}/socket"
        argv = [
            *(program, "--host", address, "--pidfile", f"{folder}/pid"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            # A start that needs no right to change the network of this machine.
            *("--iptables=false", "--bridge=none"),
        ]
        docker = [program_of("docker"), "--host", address]
        with service(argv, folder / "log", answers([*docker, "version"]), "docker"):
            run([*docker, "import", str(image), images[0]], dict(os.environ))
            for name in images[1:]:
                run([*docker, "tag", images[0], name], dict(os.environ))
            yield address, int((folder / "pid").read_text())


def program_of(name: str, requirement: str = "") -> str:
    """The path of a program; the test is skipped, or fails, without it."""
    path = shutil.which(name)
    if path is None:
        missing(requirement or name, f"{name} is not here")
    return path


def needs_root(name: str) -> None:
    """Skip the test, or let it fail, where this is not root."""
    if os.geteuid() != 0:
        missing(name, f"only root can start a {name} of the tests' own")


def base_image() -> Path:
    """The base image as a tar."""
    if not os.environ.get("RUNYARD_TEST_IMAGE"):
        program_of("mmdebstrap")
    try:
        return container_image.path()
    except subprocess.CalledProcessError as failure:
        missing("mmdebstrap", f"no image can be made: {failure.stderr[-500:]}")


def run(argv: list[str], environment: dict[str, str]) -> None:
    """Run a command that has to work."""
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{argv}: {done.stderr}"


@contextmanager
def folder_of(name: str) -> Iterator[Path]:
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
    """End what a daemon that was killed has left: those that hold its containers, and these.

    Until they are gone they may write in the folder.
    """
    ended = []
    for process in psutil.process_iter(["cmdline"]):
        if any(f"{folder}/" in argument for argument in process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                ended += [*process.children(recursive=True), process]
    for process in ended:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    end = time.monotonic() + _END_S
    while any(map(is_alive, ended)) and time.monotonic() < end:
        time.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """Whether it is there and no zombie, which nobody may be in a hurry to reap."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _mounted_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1] for line in lines]
    return sorted((place for place in places if place.startswith(f"{folder}/")), reverse=True)


@contextmanager
def service(
    argv: list[str], log: Path, ready: Callable[[], bool], requirement: str
) -> Iterator[None]:
    """Run a daemon of the tests: until the end of the block, or of this process if it is killed."""
    with open(log, "wb") as stream, unmarked():
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


def answers(argv: list[str]) -> Callable[[], bool]:
    """Whether a command works by now."""

    def works() -> bool:
        try:
            return subprocess.run(argv, capture_output=True, timeout=30).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    return works


def listens(address: str) -> Callable[[], bool]:
    """Whether somebody listens at the address by now."""
    host, port = address.split(":")

    def connects() -> bool:
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0

    return connects


def free_port() -> int:
    """A port of this machine that nobody listens at, nor will before it is used.

    It is none of those that the system gives away by itself (32768 and above), to every connection,
    and none that another worker takes: each has every sixteenth.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        # The order's seed is that of all workers, and what random gives them the same.
        port = 20_000 + secrets.randbelow(12_000 // 16) * 16 + worker % 16
        with socket.socket() as server, suppress(OSError):
            server.bind(("", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
