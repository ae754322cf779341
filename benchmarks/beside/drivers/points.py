"""Programs that log points: ``PROGRAM write COUNT`` and ``PROGRAM read COUNT``.

Each says one line of JSON. How long the process takes to end after it is measured as well.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence

NAME = "loss"
Log = Callable[[int, float], object]
"""Step and value."""


def timed(log: Log, count: int) -> None:
    """Log so many points, and say how long the calls took, and when the last one returned."""
    values = [1.0 / (step + 1) for step in range(count)]
    begun = time.monotonic()
    for step, value in enumerate(values):
        log(step, value)
    ended = time.monotonic()
    _say(calls=count, seconds=ended - begun, ended=ended)


def main(write: Callable[[int], None], read: Callable[[], Sequence[float]]) -> None:
    """``write`` uses `timed`, and ends as the peer's documentation says."""
    os.environ.pop("PYTHONPATH", None)
    what, count = sys.argv[1], int(sys.argv[2])
    if what == "write":
        write(count)
        return
    read()  # imports what it imports late
    begun = time.monotonic()
    found = read()
    seconds = time.monotonic() - begun
    assert len(found) == count, f"read {len(found)} of {count} points"
    assert sorted(found) == [1.0 / step for step in range(count, 0, -1)], "other values"
    _say(seconds=seconds)


def _say(**found: float) -> None:
    """To the descriptor that the measuring process reads: peers print to standard output."""
    os.write(int(os.environ["BENCH_FD"]), (json.dumps(found) + "\n").encode())
