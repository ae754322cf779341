"""A Ray cluster of this machine, on loopback, for the scenarios that submit to one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.beside.contender import Place
from benchmarks.beside.driver import variables

_START_S = 90
_END_S = 20


@contextmanager
def ray_cluster(place: Place, **more: str) -> Iterator[dict[str, str]]:
    """The variables by which its clients find it; all its processes end with the block."""
    port, dashboard = _free_port(), _free_port()
    address = f"http://127.0.0.1:{dashboard}"
    # The sockets of Ray lie in it, and their paths must be short.
    folder = tempfile.mkdtemp(prefix="ray-")
    path = f"{place.python.parent}:{os.environ['PATH']}"
    argv = [place.program("ray"), "start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    argv += ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"]
    argv += [f"--dashboard-port={dashboard}", f"--temp-dir={folder}", "--disable-usage-stats"]
    argv += [f"--object-store-memory={256 * 2**20}"]
    with open(place.folder / "ray.log", "w") as log:
        head = subprocess.Popen(
            argv,
            env=variables(PATH=path, **more),
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=place.folder,
        )
    try:
        _wait_until_it_answers(address, head)
        yield {"RAY_API_SERVER_ADDRESS": address, "RAY_TMPDIR": folder, "PATH": path}
    finally:
        head.terminate()
        with suppress(subprocess.TimeoutExpired):
            head.wait(_END_S)
        _end_group(head.pid)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(address: str, head: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and head.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/jobs/", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"Ray did not answer within {_START_S} s")


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
