"""What logging costs the script, and what it costs to have one series back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.beside.contender import Contender, Place, Ready, Sample, python_version
from benchmarks.beside.driver import variables
from benchmarks.beside.scenario import Quantity, Scenario
from runyard import Workspace
from runyard.job.context import RUN_DIRECTORY
from runyard.record.creation import create_run
from runyard.record.layout import WorkspaceDirectory

_ROOT = Path(__file__).parents[3]
_QUICK_POINTS = 1000
_SYNC_CALLS = 200
Start = Callable[..., tuple[dict[str, float], float]]
"""What the program said, and when it had ended."""


@contextmanager
def _program(place: Place, name: str) -> Iterator[Start]:
    """Starts the program of a peer in the folder of its next run."""
    argv = [str(place.python), "-m", f"benchmarks.beside.drivers.{name}"]
    log = open(place.folder / "log", "w+")  # noqa: SIM115

    def start(folder: Path, what: str, count: int, **more: str) -> tuple[dict[str, float], float]:
        reading, writing = os.pipe()
        found = variables(PYTHONPATH=str(_ROOT), BENCH_FD=str(writing), **more)
        process = subprocess.Popen(
            [*argv, what, str(count)],
            cwd=folder,
            env=found,
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        os.close(writing)
        code = process.wait()
        ended = time.monotonic()
        with open(reading) as stream:
            said = stream.readline()
        if code != 0:
            log.seek(0)
            raise RuntimeError(f"{name} {what} ended with code {code}:\n{log.read()[-3000:]}")
        answer: dict[str, float] = json.loads(said)
        return answer, ended

    with log:
        yield start


def logs(name: str, points: int, reads: bool = True, **more: str) -> Ready:
    """A new run in a new folder for each sample, written by one process and read by another."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        count = _QUICK_POINTS if place.quick else points
        folder = place.folder / "run"

        def sample() -> Sample:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            variables = {**more, **_own_variables(folder)}
            wrote, ended = start(folder, "write", count, **variables)
            found = _written(wrote, ended)
            if reads:
                read, _ = start(folder, "read", count, **variables)
                found["read"] = read["seconds"] * 1e3
            return found

        with _program(place, f"{name}_points") as start:
            yield sample

    return ready


def _written(wrote: Mapping[str, Any], ended: float) -> dict[str, float]:
    calls_us = wrote["seconds"] * 1e6
    return {"call": calls_us / wrote["calls"], "exit": (ended - wrote["ended"]) * 1e3}


def _own_variables(folder: Path) -> dict[str, str]:
    """What the programs need besides: a run of runyard's as its runner has made it, and folders."""
    Workspace.create("bench", path=str(folder))
    run = create_run(WorkspaceDirectory(str(folder / ".runyard")), "bench", {"spec": {}})
    return {RUN_DIRECTORY: run.path, "TRACKIO_DIR": str(folder), "WANDB_DIR": str(folder)}


_QUANTITIES = (
    Quantity("call", "one call", "µs"),
    Quantity("exit", "last call to the end of the process", "ms"),
    Quantity("read", "reading the series", "ms"),
)
_WHAT = (
    "A script logs {points} points of one metric, each with its step, in a loop that does nothing "
    "else. Measured are the mean of its calls, the time from the return of the last one until the "
    "process has ended, in which what was put off is written, and one more process reading the "
    "series as a list of numbers, for the second time."
)
_RUNYARD = "The point is in the file of the run when the call returns: kill -9 loses none."
_LINES = (
    "json.dumps and one unbuffered write, by hand: what a script can do without anybody. "
    "The same promise; no run, one file."
)
_TENSORBOARDX = (
    "A queue and a thread that writes every 120 s or 1 MB: kill -9 loses what is there. Single "
    "precision. Reading: TensorBoard's EventAccumulator, told to keep all points."
)
_WANDB = (
    "Offline: handed to a process beside the script that writes a transaction log. What it has "
    "written can only be read back from a server, after `wandb sync`."
)
_SYNC = "log_metric: the point is committed in SQLite when the call returns."
_TIMED = f"Mean of {_SYNC_CALLS} calls, the other points written in batches before them."
_ASYNC = "log_metric(synchronous=False): a queue and threads; the end of the run waits for them."
_BATCH = "log_batch of 1000 points, which the script collects: kill -9 loses up to 999."
_TRACKIO = (
    "A queue and a thread that hands points to a server process, which keeps them in SQLite; "
    "finish waits for it. Without its CPU and GPU metrics."
)


def _contenders(points: int) -> Iterator[Contender]:
    few = points <= _FEW
    yield Contender("runyard", _RUNYARD, logs("runyard", points))
    yield Contender("lines by hand", _LINES, logs("lines", points), version=python_version)
    most = 2 if few else 1
    tensorboardx = logs("tensorboardx", points)
    yield Contender(
        "tensorboardX", _TENSORBOARDX, tensorboardx, "tensorboardx", quick=few, rounds=most
    )
    batch = logs("mlflow", points, BENCH_HOW="batch")
    yield Contender("MLflow, log_batch", _BATCH, batch, "mlflow", quick=False, rounds=most)
    if few:  # a million points of the others take minutes
        wandb = logs("wandb", points, reads=False)
        yield Contender("wandb offline", _WANDB, wandb, "wandb", rounds=1)
        sync = logs("mlflow", points, BENCH_HOW="sync", BENCH_CALLS=str(_SYNC_CALLS))
        yield Contender("MLflow", f"{_SYNC} {_TIMED}", sync, "mlflow", rounds=2)
        late = logs("mlflow", points, BENCH_HOW="async", BENCH_CALLS=str(_SYNC_CALLS))
        yield Contender(
            "MLflow, async", f"{_ASYNC} {_TIMED}", late, "mlflow", quick=False, rounds=2
        )
        trackio = logs("trackio", points)
        yield Contender("trackio", _TRACKIO, trackio, "trackio", quick=False, rounds=2)


_FEW = 100_000
SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="metrics",
        title="100,000 points of a metric",
        what=_WHAT.format(points="100,000"),
        quantities=_QUANTITIES,
        contenders=tuple(_contenders(_FEW)),
        rounds=5,
        warm_up=0,
    ),
    Scenario(
        name="metrics_million",
        title="1,000,000 points of a metric",
        what=_WHAT.format(points="1,000,000"),
        quantities=_QUANTITIES,
        contenders=tuple(_contenders(1_000_000)),
        rounds=3,
        warm_up=0,
    ),
)
