"""trackio, which keeps a SQLite file; a process of its own is its server while a script logs."""

from collections.abc import Sequence

import trackio
from trackio.sqlite_storage import SQLiteStorage

from benchmarks.beside.drivers.points import NAME, main, timed


def write(count: int) -> None:
    """As documented: init, log, finish."""
    trackio.init(project="bench", name="bench", embed=False, auto_log_gpu=False, auto_log_cpu=False)
    timed(lambda step, value: trackio.log({NAME: value}, step=step), count)
    trackio.finish()


def read() -> Sequence[float]:
    """As its command line does."""
    return [one["value"] for one in SQLiteStorage.get_metric_values("bench", "bench", NAME)]


if __name__ == "__main__":
    main(write, read)
