"""submitit: jobs that are started, and waited for when they have been told to end."""

import os
import time
from typing import Any

import submitit

from benchmarks.beside.drivers.serving import serve

_jobs: list[Any] = []


def _sleeper() -> None:
    """As sleeper.py; a function of the program itself, which is pickled by value."""
    place = os.environ["BENCH_PLACE"]
    with open(os.path.join(place, f"running-{os.getpid()}"), "w"):
        pass
    end = time.monotonic() + 300
    while time.monotonic() < end and os.path.isdir(place):
        if os.path.exists(os.path.join(place, "stop")):
            break
        time.sleep(0.1)


def answer(action: str, count: int = 0) -> dict[str, Any]:
    """``start`` so many, or ``wait`` for all."""
    executor = submitit.AutoExecutor(folder="jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    _jobs.extend(executor.submit(_sleeper) for _ in range(count))
    while action == "wait" and _jobs:
        _jobs.pop().result()
    return {}


if __name__ == "__main__":
    serve(answer)
