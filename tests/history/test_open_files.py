"""A process that touches more runs than it may open files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runyard import Experiment, Workspace

RUNS = 40


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_runs_that_have_ended_keep_no_file_open(tmp_path: Path) -> None:
    experiment = Experiment(Workspace.create("many", path=tmp_path), "exp")
    before = open_files()
    kept = []
    for number in range(RUNS):
        run = experiment.start_logging(outputs=False, snapshot_directory=None)
        run.log("loss", number)
        run.tag("number", number)
        ends: list[Callable[[], None]] = [run.complete, run.fail, run.cancel]
        ends[number % 3]()
        kept.append(run)
    assert open_files() - before < 10
    assert [run.get_metrics()["loss"] for run in kept] == [*range(RUNS)]
    kept[0].log("loss", -1)  # still possible
    assert kept[0].get_metrics()["loss"] == [0, -1]


def test_tagging_all_runs_keeps_no_file_open(tmp_path: Path) -> None:
    experiment = Experiment(Workspace.create("many", path=tmp_path), "exp")
    parent = experiment.start_logging(outputs=False, snapshot_directory=None)
    parent.create_children(count=RUNS)
    before = open_files()
    for child in parent.get_children():
        child.tag("kind", "small")
        child.complete()
    assert open_files() - before < 10
    assert [child.tags["kind"] for child in parent.get_children()] == ["small"] * RUNS
    parent.complete()
