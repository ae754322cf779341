"""What runs take while they run, wait and when they have ended: memory, processes, disk."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.beside import processes
from benchmarks.beside.contender import Contender, Place, Ready, Sample
from benchmarks.beside.driver import Driver, driver, variables
from benchmarks.beside.ray_cluster import ray_cluster
from benchmarks.beside.scenario import Quantity, Scenario

RUNNING = 2
WAITING = 5
SLEEPER = Path(__file__).parents[1] / "drivers" / "sleeper.py"
_MLPROJECT = """\
name: bench
entry_points:
  sleep:
    command: "python sleeper.py"
"""
_SETTLE_S = 2.0
_START_S = 90


class Footprint:
    """Takes one sample: runs, then runs that wait, then the end of all."""

    def __init__(self, place: Place, program: Driver, queue: bool, **order: object) -> None:
        self.place = place
        self._program = program
        self._queue = queue
        self._order = order
        self._settle_s = 0.2 if place.quick else _SETTLE_S

    def sample(self) -> Sample:
        """Numbers are for each run; the script's own interpreter is not counted."""
        (self.place.folder / "stop").unlink(missing_ok=True)
        self._settle()
        standing = self._processes()
        disk_mb = processes.disk_mb(self.place.folder)
        found = {"standing_mb": processes.memory_mb(standing)}
        self._program.ask(action="start", count=RUNNING, **self._order)
        self._until_running(RUNNING)
        running = self._processes()
        beyond_mb = processes.memory_mb(running) - found["standing_mb"]
        found["running_mb"] = max(0.0, beyond_mb / RUNNING - self._script_mb())
        found["running"] = max(0, len(running - standing) / RUNNING - 1)
        found["client_mb"] = processes.memory_mb({self._program.process.pid})
        if self._queue:
            found |= self._of_waiting(running)
        (self.place.folder / "stop").touch()
        self._program.ask(action="wait", **self._order)
        self._settle()
        count = RUNNING + (WAITING if self._queue else 0)
        found["ended"] = len(self._processes() - standing) / count
        found["ended_kb"] = (processes.disk_mb(self.place.folder) - disk_mb) / count * 1000
        # Less than 0.1 MB is what the same processes differ by from one second to the next.
        return {
            key: round(value, 1) if key.endswith("_mb") else value for key, value in found.items()
        }

    def _of_waiting(self, running: set[int]) -> dict[str, float]:
        before_mb = processes.memory_mb(running)
        self._program.ask(action="start", count=WAITING, **self._order)
        self._settle()
        now = self._processes()
        if len(list(self.place.folder.glob("running-*"))) != RUNNING:
            raise ValueError("runs were started that should have waited")
        more_mb = processes.memory_mb(now) - before_mb
        return {
            "waiting_mb": max(0.0, more_mb / WAITING),
            "waiting": len(now - running) / WAITING,
        }

    def _processes(self) -> set[int]:
        """All of the contender but the client that submits."""
        return processes.marked(self.place.folder) - {self._program.process.pid}

    def _until_running(self, count: int) -> None:
        end = time.monotonic() + _START_S
        while len(list(self.place.folder.glob("running-*"))) < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{count} scripts do not run after {_START_S} s")
            time.sleep(0.05)
        self._settle()

    def _settle(self) -> None:
        time.sleep(self._settle_s)

    def _script_mb(self) -> float:
        """The same script as it runs by itself, beside those that are measured."""
        with _scripts(self.place) as pids:
            return processes.memory_mb(pids) / len(pids)


@contextmanager
def _scripts(place: Place) -> Iterator[set[int]]:
    alone = place.folder / "alone"
    alone.mkdir(exist_ok=True)
    argv = [str(place.python), str(SLEEPER)]
    environment = variables(**{processes.MARK: str(alone)})
    started = [subprocess.Popen(argv, env=environment) for _ in range(RUNNING)]
    try:
        time.sleep(0.5)
        yield {process.pid for process in started}
    finally:
        for process in started:
            process.kill()
            process.wait()
        shutil.rmtree(alone)


def asked(name: str, queue: bool = False, **order: object) -> Ready:
    """A driver that starts runs and waits for them. ``queue``: what is too much waits."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        with _driver(place, name, {}) as program:
            try:
                yield _fresh(Footprint(place, program, queue, **order))
            finally:
                (place.folder / "stop").touch()

    return ready


def _fresh(footprint: Footprint) -> Callable[[], Sample]:
    def sample() -> Sample:
        for path in footprint.place.folder.glob("running-*"):
            path.unlink()
        return footprint.sample()

    return sample


@contextmanager
def _driver(place: Place, name: str, more: Mapping[str, str]) -> Iterator[Driver]:
    source = place.folder / "source"
    source.mkdir()
    shutil.copy(SLEEPER, source)
    (source / "MLproject").write_text(_MLPROJECT)
    with driver(place, name, {processes.MARK: str(place.folder), **more}) as program:
        yield program


@contextmanager
def _ray(place: Place) -> Iterator[Callable[[], Sample]]:
    mark = {processes.MARK: str(place.folder)}
    with ray_cluster(place, **mark) as found, _driver(place, "ray_runs", found) as program:
        yield _fresh(Footprint(place, program, queue=True))


FOOTPRINT = Scenario(
    name="footprint",
    title="What a run takes: memory, processes, disk",
    what=(
        f"{RUNNING} scripts that sleep are started; where there is a queue, {WAITING} more wait; "
        "then all end. Memory is the proportional share (PSS) of all processes that are there for "
        "a run, less that of the script itself, divided by the number of runs."
    ),
    quantities=(
        Quantity("running_mb", "memory for a running run", "MB", zero=True),
        Quantity("running", "processes for a running run, beside the script", "", zero=True),
        Quantity("waiting_mb", "memory for a waiting run", "MB", zero=True),
        Quantity("waiting", "processes for a waiting run", "", zero=True),
        Quantity("ended", "processes left by an ended run", "", zero=True),
        Quantity("ended_kb", "disk for an ended run", "kB", zero=True),
        Quantity("standing_mb", "memory of servers, without any run", "MB", zero=True),
        Quantity("client_mb", "memory of the client that submits", "MB"),
    ),
    contenders=(
        Contender(
            "runyard",
            "A runner and its witness watch each run; the client may end.",
            asked("runyard_runs"),
        ),
        Contender(
            "runyard, pool of 2",
            "The same; runs that wait are tickets in a folder, and have no process.",
            asked("runyard_runs", queue=True, target="pool"),
        ),
        Contender(
            "submitit",
            "Each job has a process of submitit and an interpreter with submitit and the function.",
            asked("submitit_runs"),
            "submitit",
        ),
        Contender(
            "torchx local_cwd",
            "The client watches: when it ends, so do the runs.",
            asked("torchx_runs"),
            "torchx",
        ),
        Contender(
            "MLflow Projects",
            "Each run has an `mlflow run` of its own; when the client ends, so do the runs.",
            asked("mlflow_runs"),
            "mlflow",
            quick=False,
        ),
        Contender(
            "Ray Jobs",
            "Each job has a supervising actor. Its log is in Ray's own folder and not counted.",
            _ray,
            "ray",
            quick=False,
            apart=True,
        ),
    ),
    rounds=2,
    warm_up=1,
)

SCENARIOS: tuple[Scenario, ...] = (FOOTPRINT,)
