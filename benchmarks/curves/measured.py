"""The curves of runyard."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.bench_index import make_runs
from benchmarks.curves.curve import Curve, Round
from runyard import Environment, Experiment, PyTorchConfiguration, ScriptRunConfig, Workspace
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.history.snapshots import SnapshotStore
from runyard.history.streaming import LogFollower
from runyard.job.submitted import SubmittedRun
from runyard.record.creation import create_run
from runyard.record.events import read_state
from runyard.record.layout import WorkspaceDirectory
from runyard.record.metrics import read_metrics

_TENS = tuple(10**power for power in range(1, 6))
_FILES_OF_A_FOLDER = 100
_RACY_S = 2.2
"""What is younger is read again."""


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


@contextmanager
def runs(size: int, folder: Path) -> Iterator[Round]:
    """Lists of so many runs, in a process that has listed them before."""
    workspace = WorkspaceDirectory(str(folder / ".runyard"))
    make_runs(workspace, size)
    index = Index(workspace)
    first = [seconds(index.select)]
    time.sleep(_RACY_S)
    queries = {
        "all": Query(),
        "newest 20": Query(limit=20),
        "with a tag": Query(tags={"lr": "0.1"}),
    }

    def measure() -> dict[str, float]:
        found = {name: seconds(partial(index.select, one)) for name, one in queries.items()}
        again = Index(workspace)
        found["opened anew"] = seconds(again.unended)
        again.close()
        return {**found, **({"first list ever": first.pop()} if first else {})}

    yield measure
    index.close()


@contextmanager
def files(size: int, folder: Path) -> Iterator[Round]:
    """Snapshots of a source folder of so many files of 400 bytes."""
    source = folder / "source"
    for number in range(size):
        place = source / f"package_{number // _FILES_OF_A_FOLDER:04}"
        if number % _FILES_OF_A_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"module_{number:06}.py").write_text(f"VALUE = {number}\n" * 25)
    time.sleep(_RACY_S)
    store = SnapshotStore(folder / "workspace")
    first = [seconds(lambda: store.take(source))]
    store.take(source)

    def measure() -> dict[str, float]:
        found = {"unchanged": seconds(lambda: store.take(source))}
        return {**found, **({"first": first.pop()} if first else {})}

    yield measure


@contextmanager
def points(size: int, folder: Path) -> Iterator[Round]:
    """So many values of one metric."""
    workspace = WorkspaceDirectory(str(folder))

    def measure() -> dict[str, float]:
        directory = create_run(workspace, "curves", {"spec": {}})
        run = SubmittedRun(directory)
        values = [1.0 / (number + 1) for number in range(size)]
        begun = time.perf_counter()
        for value in values:
            run.log("loss", value)
        written = time.perf_counter() - begun
        read = seconds(lambda: read_metrics(directory))
        assert len(read_metrics(directory)["loss"]) == size
        return {"written": written, "read": read}

    yield measure


@contextmanager
def ranks(size: int, folder: Path) -> Iterator[Round]:
    """A run of so many processes of an empty script on this machine, from submit() to its end."""
    (folder / "source").mkdir()
    (folder / "source" / "train.py").write_text("")
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    config = ScriptRunConfig(
        str(folder / "source"),
        "train.py",
        compute_target="local",
        environment=environment,
        distributed_job_config=PyTorchConfiguration("Gloo", process_count=size),
    )
    workspace = Workspace.create("curves", path=folder, show_output=False)
    experiment = Experiment(workspace, "curves")

    def measure() -> dict[str, float]:
        begun = time.time()
        run = experiment.submit(config)
        run.wait_for_completion()
        ended = read_state(run.directory).ended
        assert ended is not None
        return {"submit to end": ended - begun, "bare interpreters": seconds(lambda: _bare(size))}

    yield measure


def _bare(count: int) -> None:
    """So many interpreters at once."""
    argv = [sys.executable, "-c", ""]
    pids = [os.posix_spawn(sys.executable, argv, dict(os.environ)) for _ in range(count)]
    for pid in pids:
        os.waitpid(pid, 0)


@contextmanager
def log(size: int, folder: Path) -> Iterator[Round]:
    """A log of so many bytes, printed by who follows it from its begin."""
    path = folder / "std_log.txt"
    line = b"epoch 1 loss 0.123456 accuracy 0.987654 some words of a usual line\n"
    with path.open("wb") as stream:
        block = line * max(1, min(size, 1 << 20) // len(line))
        for _ in range(max(1, size // len(block))):
            stream.write(block)

    def measure() -> dict[str, float]:
        with open(os.devnull, "w") as out:
            follower = LogFollower(str(path), out)
            found = seconds(lambda: follower.print_new(final=True))
            follower.close()
        return {"followed": found}

    yield measure


CURVES = (
    Curve(
        "runs",
        "Lists of runs",
        "runs in the workspace",
        "The newest, and opening the workspace, ask the folder of each experiment whether runs "
        "have come or gone, and look at what they show: they do not grow. All of them, or those "
        "with a tag, are proportional from 100 on: every run's folder is asked for its time of "
        "change. Only the first list ever reads the runs themselves.",
        _TENS,
        runs,
    ),
    Curve(
        "files",
        "Snapshot of a source folder",
        "files",
        "Proportional from 100 on: unchanged, a file is one lstat and one row of the table of "
        "known files, 2 µs; the first time it is read, hashed and written, 60 to 110 µs, and more "
        "where the system has to write to the disk meanwhile.",
        _TENS,
        files,
    ),
    Curve(
        "points",
        "Values of a metric",
        "values",
        "Proportional from the first on: a value is one write() of one line, whatever came before "
        "it, and is parsed once when it is read; there is no index of them.",
        (*_TENS, 1_000_000),
        points,
        rounds=3,
    ),
    Curve(
        "ranks",
        "Processes of a distributed run",
        "processes on 2 cores",
        "Up to 4 it is the start of one run; then processes wait for one of the cores, as bare "
        "interpreters do, and each has a shell, a session, a log and a record on top.",
        (1, 2, 4, 8, 16, 32, 64),
        ranks,
        quick=4,
        rounds=3,
    ),
    Curve(
        "log",
        "A log that is followed",
        "bytes",
        "Up to 100 kB it is one open and two reads; from there on proportional, read and decoded "
        "in pieces of 1 MiB, so that memory does not grow.",
        tuple(10**power for power in range(3, 10)),
        log,
        quick=100_000,
        rounds=3,
    ),
)
