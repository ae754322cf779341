"""Commands and programs whose memory is measured."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

CHUNK_BYTES = 1 << 20


# What the kernel counts of a child includes the memory of its parent at the fork.
_TELLING = """
import atexit, os, runpy, sys
from pathlib import Path
def tell(file=Path(sys.argv[1])):
    lines = Path("/proc/self/status").read_text().splitlines()
    file.write_text(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
atexit.register(tell)
del sys.argv[:2]
"""


class Done(NamedTuple):
    """How a program ended: exit code, bytes of its output and their digest, peak memory, time."""

    code: int
    size: int
    digest: str
    peak_mb: float
    seconds: float


def runyard(cwd: Path, *arguments: str) -> Done:
    """Run ``runyard`` with these arguments."""
    code = "runpy.run_module('runyard', run_name='__main__')"
    return python(cwd, code, *arguments)


def python(cwd: Path, code: str, *arguments: str) -> Done:
    """Run a Python program to its end, reading all it prints and keeping none of it."""
    with tempfile.NamedTemporaryFile() as told:
        argv = [sys.executable, "-c", _TELLING + code, told.name, "", *arguments]
        began, digest, size = time.perf_counter(), hashlib.sha256(), 0
        with subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while chunk := process.stdout.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
        peak_mb = int(told.read() or 0) / 1024
    seconds = time.perf_counter() - began
    return Done(process.returncode, size, digest.hexdigest(), peak_mb, seconds)
