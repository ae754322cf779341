"""Fifty thousand runs in one workspace: opened, listed, filtered, and its index built anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.bench_index import EXPERIMENTS, make_runs
from runyard import Experiment, Workspace
from runyard.history.index import reindex
from runyard.history.index_query import Query
from runyard.record.layout import WorkspaceDirectory
from tests.load import commands
from tests.load.sizes import measured, size

RUNS = size(1_000, 50_000)
"""Made as `make_runs` says: each tenth has failed, one of three has the tag lr=0.1."""


@pytest.fixture(scope="session")
def workspace(new_folder: Callable[[], Path]) -> WorkspaceDirectory:
    made = Workspace.create("many", path=new_folder()).directory
    with measured(f"{RUNS} run directories made"):
        make_runs(made, RUNS)
    return made


def number_of(run_id: str) -> int:
    return int(run_id.rpartition("_")[2], 16)


def test_they_are_opened_listed_and_filtered(workspace: WorkspaceDirectory) -> None:
    with measured("first opening and list"):
        entries = Workspace.at(workspace).select()
    assert [number_of(entry.id) for entry in entries] == [*reversed(range(RUNS))]
    assert {number_of(e.id) for e in entries if e.status == "Failed"} == {*range(0, RUNS, 10)}
    with measured("opening again"):
        opened = Workspace.at(workspace)
    with measured("its first list, of the newest 20"):
        assert len(opened.select(Query(limit=20))) == 20
    with measured("the second"):
        assert len(opened.select(Query(limit=20))) == 20
    with measured("all with one tag"):
        found = opened.select(Query(tags={"lr": "0.1"}))
    assert {number_of(entry.id) for entry in found} == {*range(0, RUNS, 3)}
    with measured("all failed ones"):
        assert len(opened.select(Query(status="Failed"))) == len(range(0, RUNS, 10))
    with measured("those of an experiment, as objects"):
        runs = [*Experiment(opened, "experiment-2").get_runs()]
    assert len(runs) == len(range(2, RUNS, EXPERIMENTS))


def test_one_is_found_by_its_id(workspace: WorkspaceDirectory) -> None:
    opened = Workspace.at(workspace)
    (newest,) = opened.select(Query(limit=1))
    with measured("get_run"):
        assert opened.get_run(newest.id).status == newest.status


def test_the_index_is_built_anew(workspace: WorkspaceDirectory) -> None:
    with measured("reindex"):
        assert reindex(workspace) == RUNS


def test_commands(workspace: WorkspaceDirectory) -> None:
    folder = Path(workspace.path).parent
    for arguments in (("runs",), ("runs", "--json"), ("show", "last"), ("show", "@7")):
        done = commands.runyard(folder, *arguments)
        print(f"\n{' '.join(arguments)}: {done.seconds:.2f} s, {done.peak_mb:.0f} MB", end="")
        assert done.code == 0
