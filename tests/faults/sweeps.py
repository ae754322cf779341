"""Sweeps: every step of something, or some steps in CI."""

from __future__ import annotations

import faulthandler
import os

KILLS = int(os.environ.get("RUNYARD_KILLS", "0"))
FEW = 4


def steps(count: int) -> list[int]:
    """Some of so many, evenly spread; all with RUNYARD_KILLS."""
    assert count > FEW
    if KILLS:
        without_limit()
        return list(range(1, count + 1))
    return [1 + number * count // FEW for number in range(FEW)]


def without_limit() -> None:
    """A test that somebody asked for goes on for longer than one that hangs may (pyproject)."""
    faulthandler.cancel_dump_traceback_later()
