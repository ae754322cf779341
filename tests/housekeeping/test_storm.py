"""Submissions in several processes beside ``gc`` in a loop: no run misses what it refers to.

``RUNYARD_GC_STORM`` multiplies how much is submitted (1 in CI).
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.history.garbage import StoreGarbage
from runyard.record import jsonl, owner, workdir
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Status
from tests.faults import laws
from tests.housekeeping import stores

_TIMES = int(os.environ.get("RUNYARD_GC_STORM", "1"))
_SOURCES = 12
_WRITERS = 3
_ENOUGH = 5
"""More snapshots and blobs than that are removed while others are at work."""
_KEPT = 2
"""Runs of a writer that may still be there when it submits the next one."""
_PATIENCE_S = 120.0
_spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return Workspace.create("storm", path=tmp_path / "ws").directory


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Folders that have files in common: so few that each comes back again and again."""
    for number in range(_SOURCES):
        folder = tmp_path / f"source{number}"
        folder.mkdir()
        for name in range(5):
            (folder / f"{name}.py").write_text(f"print({name * (number % 2)})\n" * (name + 1))
        (folder / "own.py").write_text(f"print({number})\n")
    return [str(tmp_path / f"source{number}") for number in range(_SOURCES)]


def _numbers(times: int, removed: Any) -> Iterator[int]:
    """So many, and then as many as it takes until enough was removed meanwhile."""
    give_up = time.monotonic() + _PATIENCE_S
    for number in itertools.count():
        if number >= times and (min(removed[:]) > _ENOUGH or time.monotonic() > give_up):
            return
        yield number


def _record_and_lay_out(path: str, sources: list[str], seed: int, times: int, removed: Any) -> None:
    """What submission and runner do with the store, without starting anything."""
    workspace, chance = WorkspaceDirectory(path), random.Random(seed)
    for number in _numbers(times, removed):
        source = Path(chance.choice(sources))
        run = stores.recorded(workspace, source, f"run-{seed}-{number}")
        manifest = workspace.manifest(jsonl.read_json(run.run_json)["snapshot"])
        os.mkdir(run.work)
        workdir.materialise(manifest, workspace.blobs, run.work)
        same = {p.name: p.read_bytes() for p in source.iterdir()}
        assert {p.name: p.read_bytes() for p in Path(run.work).iterdir()} == same
        _may_go(run)
        stores.end(run)
        if chance.random() < 0.9:  # others the collector removes
            shutil.rmtree(run.path, ignore_errors=True)


def _submit(path: str, sources: list[str], seed: int, times: int, removed: Any) -> None:
    experiment = Experiment(Workspace.at(path), "storm")
    chance = random.Random(seed)
    here = Environment("here")
    here.python.user_managed_dependencies = True
    here.python.interpreter_path = sys.executable
    kept: deque[RunDirectory] = deque()
    for _ in _numbers(times, removed):
        command = ["sh", "-c", "test -f own.py"]
        config = ScriptRunConfig(chance.choice(sources), command=command, environment=here)
        kept.append(experiment.submit(config).directory)
        _may_go(kept[-1])
        # Fewer are there than there are sources, so what the others have had can be removed; else
        # all writers together are faster than the collector where they share one core.
        while len(kept) > chance.randint(0, _KEPT) and _is_kept(kept[0]):
            time.sleep(0.01)
        while kept and not _is_kept(kept[0]):
            kept.popleft()


def _may_go(run: RunDirectory) -> None:
    """Its submitter has been told of it."""
    Path(run.join("told")).touch()


def _is_kept(run: RunDirectory) -> bool:
    """It goes on, or is yet to be removed."""
    status = read_state(run).status
    ended_otherwise = status.ended and status is not Status.COMPLETED
    return os.path.exists(run.run_json) and not ended_otherwise


def _collect(path: str, done: Any, removed: Any) -> None:
    """Remove runs that have completed, then what they referred to, without any grace.

    ``removed``: how many snapshots and blobs, while others were at work.
    """
    workspace = WorkspaceDirectory(path)
    last = False
    while not last:
        last = done.is_set()
        for run in laws.runs(workspace):
            told = os.path.exists(run.join("told"))
            ended = read_state(run).status is Status.COMPLETED
            if told and ended and not owner.is_held(run.lock):
                shutil.rmtree(run.path, ignore_errors=True)
        groups = StoreGarbage(workspace, grace_s=-1).remove()
        for number, group in enumerate([] if last else groups):
            removed[number] += group.count


def _storm(
    writer: Callable[..., None], workspace: WorkspaceDirectory, sources: list[str], times: int
) -> list[int]:
    """How many snapshots and blobs were removed while all of them were at work."""
    done, removed = _spawn.Event(), _spawn.Array("i", 2)
    collector = _spawn.Process(target=_collect, args=(workspace.path, done, removed))
    writers = [
        _spawn.Process(target=writer, args=(workspace.path, sources, seed, times, removed))
        for seed in range(_WRITERS)
    ]
    os.makedirs(workspace.runs, exist_ok=True)
    for process in (collector, *writers):
        process.start()
    for process in writers:
        process.join()
    if writer is _submit:
        laws.settle(workspace, 120)
    done.set()
    collector.join()
    assert [process.exitcode for process in (*writers, collector)] == [0] * (_WRITERS + 1)
    return list(removed[:])


def test_runs_that_are_recorded_have_their_snapshots(
    workspace: WorkspaceDirectory, sources: list[str]
) -> None:
    removed = _storm(_record_and_lay_out, workspace, sources, 100 * _TIMES)
    assert min(removed) > _ENOUGH, removed  # else nothing was tried
    laws.hold(workspace)
    assert not stores.snapshots(workspace)
    assert not stores.contents(workspace)


def test_runs_that_are_submitted_complete(
    workspace: WorkspaceDirectory, sources: list[str]
) -> None:
    begun = time.monotonic()
    removed = _storm(_submit, workspace, sources, 12 * _TIMES)
    laws.hold(workspace)
    # What has completed was removed with its run: nothing may be left that failed.
    assert not [laws.end_of(run) for run in laws.runs(workspace)]
    assert min(removed) > _ENOUGH, (removed, time.monotonic() - begun)
