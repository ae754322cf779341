"""``run.log(name, value)`` in a script: the line is in the file when the call returns.

Budget: 10 µs. Beside it, a bare unbuffered JSON line: ``json.dumps`` and one ``write``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard.job.run import Run
from runyard.job.submitted import SubmittedRun
from runyard.record.creation import create_run
from runyard.record.layout import WorkspaceDirectory
from runyard.record.metrics import read_metrics

CALLS = 100_000
ROUNDS = 5
BUDGET_US = 10.0


def main() -> dict[str, object]:
    """Microseconds per call: the best of 5 rounds of 20,000, as other load only adds to it."""
    with tempfile.TemporaryDirectory(prefix="bench-log-") as folder:
        directory = create_run(WorkspaceDirectory(folder), "bench", {"spec": {}})
        run: Run = SubmittedRun(directory)
        with_step = _best(lambda value: run.log("val loss", value, step=7))
        plain = _best(lambda value: run.log("loss", value))
        with Path(folder, "bare.jsonl").open("ab", buffering=0) as stream:
            bare = _best(lambda value: stream.write(_line(value)))
        lines = len(read_metrics(directory)["loss"])
    assert lines == CALLS, f"{lines} of {CALLS} lines are in the file"
    return report(
        [Measure("run.log", plain, BUDGET_US, "µs")],
        calls=CALLS,
        log_with_step_us=with_step,
        bare_json_line_us=bare,
    )


def _line(value: float) -> bytes:
    return (json.dumps({"t": time.time(), "n": "loss", "v": value}) + "\n").encode()


def _best(call: Callable[[float], object]) -> float:
    return round(min(_round(call) for _ in range(ROUNDS)), 2)


def _round(call: Callable[[float], object]) -> float:
    values = [1.0 / (number + 1) for number in range(CALLS // ROUNDS)]
    begun = time.perf_counter()
    for value in values:
        call(value)
    return (time.perf_counter() - begun) / len(values) * 1e6
