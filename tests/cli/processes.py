"""The command as a real process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

COMMAND = [sys.executable, "-m", "runyard"]


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in the current directory."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def start(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command; its output is read by the caller."""
    command = [*COMMAND, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**pipes, **options})


def read_all(fd: int) -> str:
    """What comes out of a pseudo-terminal until its other end is closed."""
    found = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while chunk := os.read(fd, 4096):
            found += chunk
    os.close(fd)
    return found.decode()


def read_until(fd: int, words: bytes) -> None:
    """Read what a command says until it has said this; fails the test where it never does."""
    said = b""
    while words not in said:
        read = os.read(fd, 4096)
        assert read, said
        said += read


def wait_for(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Wait for a real event of another process; fails the test when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return found


def without_network(folder: Any) -> dict[str, str]:
    """The environment of a command whose uv finds no package anywhere."""
    return {**os.environ, "PIP_NO_INDEX": "1", "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}
