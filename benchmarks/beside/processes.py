"""Which processes belong to what is measured, and how much memory is theirs."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

MARK = "BENCH_PLACE"
"""Of a contender's folder: the variable that all its processes inherit."""


def marked(folder: Path) -> set[int]:
    """All processes that were started with this mark, by whomever and however indirectly."""
    wanted = f"{MARK}={folder}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (path / "environ").read_bytes().split(b"\0"):
                found.add(int(path.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def memory_mb(pids: set[int]) -> float:
    """Their proportional share of memory in MB: what several share counts once."""
    return sum(_pss_kib(pid) for pid in pids) * 1024 / 1e6


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def disk_mb(folder: Path) -> float:
    """What a folder takes on disk, in MB; a file that has several names counts once."""
    seen = {}
    below = (Path(top, name) for top, *names in os.walk(folder) for name in chain(*names))
    for path in (folder, *below):
        try:
            found = path.lstat()
        except OSError:
            continue
        seen[found.st_ino] = found.st_blocks * 512
    return sum(seen.values()) / 1e6
