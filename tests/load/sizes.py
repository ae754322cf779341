"""How much: little by default, and what ``RUNYARD_LOAD=1`` asks for; docs/scale.md has its figures.

RUNYARD_LOAD=1 nice .venv/bin/pytest -n 0 -s tests/load
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = bool(os.environ.get("RUNYARD_LOAD"))


def size(little: int, full: int) -> int:
    """``full`` where RUNYARD_LOAD is set."""
    return full if FULL else little


def peak_mb(pid: int | str = "self") -> float:
    """The most memory a process has had, since the last `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def peak_until_its_end(pid: int) -> float:
    """The most memory a process has until it is gone, as often as this can be looked at, in MB."""
    most = 0.0
    while True:
        try:
            now = peak_mb(pid)
        except (FileNotFoundError, ProcessLookupError):
            return most
        if not now:  # a zombie
            return most
        most = max(most, now)


def forget_peak() -> float:
    """From now on `peak_mb` of this process counts anew; returns what it has now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print seconds and peak memory of what is done inside: seen with ``-s``."""
    before, start = forget_peak(), time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    print(f"\n{what}: {seconds:.2f} s, {peak_mb() - before:.0f} MB more", end="", flush=True)
