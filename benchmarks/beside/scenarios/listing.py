"""Finding runs among many."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks.bench_index import make_runs
from benchmarks.beside.contender import Contender, Place, Ready, Sample
from benchmarks.beside.driver import Driver, driver, variables
from benchmarks.beside.missing import NotMeasured
from benchmarks.beside.scenario import Quantity, Scenario
from runyard import Workspace
from runyard.record.layout import WorkspaceDirectory
from runyard.record.metrics import MetricWriter

_QUICK_RUNS = 300
_NEWEST = 20


def _sampled(program: Driver, runs: int, newest: str) -> dict[str, float]:
    """Milliseconds of each; what was found is looked at."""
    expected = {"newest": _NEWEST, "filtered": len(range(0, runs, 30)), "all": runs, "open": 3}
    found = {}
    for what, count in expected.items():
        answer = program.ask(what=what, run_id=newest)
        assert answer["count"] == count, (what, answer)
        if what in ("newest", "all"):
            assert answer["first"][0] == newest, (what, answer)
        found[what] = answer["seconds"] * 1e3
    return found


def _command_ms(place: Place, argv: list[str], lines: int) -> float:
    begun = time.monotonic()
    done = subprocess.run(
        argv, cwd=place.folder, env=variables(), capture_output=True, text=True, check=True
    )
    ended = time.monotonic()
    assert len(done.stdout.splitlines()) >= lines, done.stdout
    return (ended - begun) * 1e3


def _runyard(runs: int) -> Ready:
    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        count = _QUICK_RUNS if place.quick else runs
        Workspace.create("bench", path=str(place.folder))
        directory = WorkspaceDirectory(str(place.folder / ".runyard"))
        newest = make_runs(directory, count)
        MetricWriter(newest).scalar("loss", 0.5)
        command = [place.program("runyard"), "runs", "-n", str(_NEWEST)]
        with driver(place, "runyard_list") as program:
            _sampled(program, count, newest.id)  # the table is made by whoever lists first
            yield lambda: {
                **_sampled(program, count, newest.id),
                "command": _command_ms(place, command, _NEWEST),
            }

    return ready


def _mlflow(runs: int) -> Ready:
    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        count = _QUICK_RUNS if place.quick else runs
        command = ["env", "MLFLOW_TRACKING_URI=sqlite:///mlflow.db", place.program("mlflow")]
        command += ["runs", "list", "--experiment-id", "1"]
        with driver(place, "mlflow_list") as program:
            (newest,) = program.ask(what="make", count=count)["first"]
            program.ask(what="open", run_id=newest)  # what is imported late
            yield lambda: {
                **_sampled(program, count, newest),
                "command": _command_ms(place, command, _NEWEST),
            }

    return ready


def _aim(place: Place) -> AbstractContextManager[Callable[[], Sample]]:
    raise NotMeasured(
        "its runs can only be made one by one by its interface, of which 10,000 take "
        "the better part of an hour",
        "aim-runs",
    )


_RUNYARD = (
    "The run directories are the truth: each list looks at every one of them for changes, whoever "
    "made them. A table of what a list shows is kept beside, and is made anew when it is lost."
)
_MLFLOW = (
    "search_runs of a SQLite store, the truth itself, with pages as large as allowed; every run "
    "comes with its metrics. Its runs were written into the store by SQL, with statistics "
    "(ANALYZE), as by its interface it would take hours. Its command line has no limit: it shows "
    "the newest 1,000 of one experiment."
)


def _scenario(name: str, runs: int, rounds: int, most: int) -> Scenario:
    return Scenario(
        name=name,
        title=f"Finding runs among {runs:,}",
        what=(
            f"{runs:,} runs that have ended, in 4 experiments, each with three tags. A warm "
            f"process asks for the newest {_NEWEST}, for the failed ones with a certain tag (one "
            "of 30), for all, each with status and tags, and for status, tag and metric of one by "
            "its id. "
            f"The command line shows the newest {_NEWEST}."
        ),
        quantities=(
            Quantity("newest", f"newest {_NEWEST}", "ms"),
            Quantity("filtered", "by status and tag", "ms"),
            Quantity("all", "all", "ms"),
            Quantity("open", "one by its id", "ms"),
            Quantity("command", f"command, newest {_NEWEST}", "ms"),
        ),
        contenders=(
            Contender("runyard", _RUNYARD, _runyard(runs)),
            Contender("MLflow", _MLFLOW, _mlflow(runs), "mlflow", rounds=most),
            Contender("Aim", "A store of RocksDB for each run.", _aim, quick=False),
        ),
        rounds=rounds,
        warm_up=1 if runs < 100_000 else 0,
    )


SCENARIOS: tuple[Scenario, ...] = (
    _scenario("listing", 10_000, 7, 5),
    _scenario("listing_100000", 100_000, 3, 2),
)
