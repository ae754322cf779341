"""submitit, on this machine or on Slurm: one function that prints."""

import time
from pathlib import Path
from typing import Any

import submitit

from benchmarks.beside.drivers.serving import clock, complete, serve


def _hello() -> None:
    """As hello.py; a function of the program itself, which is pickled by value."""
    print("first line at", time.monotonic(), flush=True)
    print("last line at", time.monotonic(), flush=True)


def start(cluster: str) -> dict[str, Any]:
    """Submit, and ask every 5 ms whether it is done: its own wait() sleeps for a second."""
    executor = submitit.AutoExecutor(folder="jobs", cluster=cluster)
    executor.update_parameters(timeout_min=5)
    if cluster == "slurm":  # a task of one process needs no srun, which would take longer
        executor.update_parameters(slurm_use_srun=False, mem_gb=0.5)
    begun = clock()
    job = executor.submit(_hello)
    submitted = clock()
    while not job.done():
        time.sleep(0.005)
    completed = clock()
    job.result()
    log = complete(Path(job.paths.stdout))
    return {"begun": begun, "submitted": submitted, "completed": completed, "log": log}


if __name__ == "__main__":
    serve(start)
