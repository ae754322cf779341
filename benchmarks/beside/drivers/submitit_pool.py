"""submitit: many jobs of this machine, two at a time; its local executor has no such limit."""

import time
from pathlib import Path
from typing import Any

import submitit

from benchmarks.beside.drivers.serving import clock, complete, serve


def _hello() -> None:
    """As hello.py; a function of the program itself, which is pickled by value."""
    print("first line at", time.monotonic(), flush=True)
    print("last line at", time.monotonic(), flush=True)


def work(count: int) -> dict[str, Any]:
    """Submit the next one whenever fewer than two run."""
    executor = submitit.AutoExecutor(folder="jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    jobs: list[Any] = []
    begun = clock()
    running: list[Any] = []
    while len(jobs) < count or running:
        running = [job for job in running if not job.done()]
        if len(running) < 2 and len(jobs) < count:
            jobs.append(executor.submit(_hello))
            running.append(jobs[-1])
        else:
            time.sleep(0.002)
    for job in jobs:
        job.result()
    seconds = clock() - begun
    return {"seconds": seconds, "logs": [complete(Path(job.paths.stdout)) for job in jobs]}


if __name__ == "__main__":
    serve(work)
