"""One script that prints: how long until its first line, and until a client knows that it ended."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.beside.contender import Contender, Place, Ready, Sample, python_version
from benchmarks.beside.driver import driver, variables
from benchmarks.beside.ray_cluster import ray_cluster
from benchmarks.beside.scenario import Quantity, Scenario

HELLO = Path(__file__).parents[1] / "drivers" / "hello.py"
MLPROJECT = """\
name: bench
entry_points:
  main:
    command: "python hello.py > hello.log"
"""
FLOW = """\
import time
from metaflow import FlowSpec, step


class Bench(FlowSpec):
    @step
    def start(self):
        print("first line at", time.monotonic(), flush=True)
        self.next(self.end)

    @step
    def end(self):
        print("last line at", time.monotonic(), flush=True)


if __name__ == "__main__":
    Bench()
"""
_LINE = re.compile(r"(first|last) line at ([0-9.]+)")


def quantities(answer: Mapping[str, Any]) -> Sample:
    """Milliseconds between the moments of an answer and those in the log of the script."""
    moments = {name: float(at) for name, at in _LINE.findall(answer["log"])}
    if moments.keys() != {"first", "last"}:
        raise ValueError(f"a log without its two lines: {answer['log']!r}")
    found = {
        "first_line": moments["first"] - answer["begun"],
        "completed": answer["completed"] - moments["last"],
    }
    if "submitted" in answer:
        found["submit"] = answer["submitted"] - answer["begun"]
    return {key: seconds * 1000 for key, seconds in found.items()}


def write_source(place: Place) -> Path:
    """The folder that is submitted, as every contender wants it."""
    source = place.folder / "source"
    source.mkdir()
    shutil.copy(HELLO, source)
    (source / "MLproject").write_text(MLPROJECT)
    (source / "flow.py").write_text(FLOW)
    return source


def asked(name: str, **order: object) -> Ready:
    """A driver that submits, waits, and says when it did what."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        write_source(place)
        with driver(place, name) as program:
            yield lambda: quantities(program.ask(**order))

    return ready


@contextmanager
def _ray(place: Place) -> Iterator[Callable[[], Sample]]:
    write_source(place)
    with ray_cluster(place) as found, driver(place, "ray_start", found) as program:
        yield lambda: quantities(program.ask())


@contextmanager
def _interpreter(place: Place) -> Iterator[Callable[[], Sample]]:
    source = write_source(place)

    def sample() -> Sample:
        begun = time.monotonic()
        argv = [str(place.python), str(source / "hello.py")]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=variables(), text=True)
        submitted = time.monotonic()
        log, _ = process.communicate()
        moments = {"begun": begun, "submitted": submitted, "completed": time.monotonic()}
        return quantities({**moments, "log": log})

    yield sample


RUNYARD = (
    "A run directory with snapshot, log, events and status, synced to disk; "
    "a supervisor that outlives the client."
)
INTERPRETER = "Nothing but the interpreter and its output in a pipe: the floor."
SUBMITIT = "Pickles a function, a log and a result file; no copy of the source."
TORCHX = "Logs in files; the run ends with the client; no copy of the source, no record."
MLFLOW = "A run with its tags in SQLite; no log is kept, no copy of the source; runs in the client."
METAFLOW = (
    "Two steps in processes of their own, with artifacts and logs on disk; runs in the client."
)
RAY = "Source as a zip, logs, status and a supervising actor; the cluster was started before."

WARM = Scenario(
    name="start",
    title="Start and end of a run, from a warm process",
    what=(
        "A script that prints is submitted from a process that has done so before; no environment "
        "is to be built. Measured are the call itself, the time from it to the first line that the "
        "script prints, and the time from its last line until a client that waits knows the end."
    ),
    quantities=(
        Quantity("first_line", "submit to the first line", "ms"),
        Quantity("submit", "the call alone", "ms"),
        Quantity("completed", "last line to Completed", "ms"),
    ),
    contenders=(
        Contender("runyard", RUNYARD, asked("runyard_start", target="local")),
        Contender("runyard, pool", RUNYARD, asked("runyard_start", target="pool")),
        Contender("interpreter", INTERPRETER, _interpreter, version=python_version),
        Contender("submitit", SUBMITIT, asked("submitit_start", cluster="local"), "submitit"),
        Contender("torchx local_cwd", TORCHX, asked("torchx_start"), "torchx"),
        Contender("MLflow Projects", MLFLOW, asked("mlflow_start"), "mlflow", quick=False),
        Contender("Metaflow", METAFLOW, asked("metaflow_start"), "metaflow", rounds=8),
        Contender("Ray Jobs", RAY, _ray, "ray", quick=False, rounds=5, apart=True),
    ),
    rounds=15,
    warm_up=2,
)

SCENARIOS: tuple[Scenario, ...] = (WARM,)
