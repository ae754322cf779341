"""The checker of the laws finds what breaks them: each breach is made by hand, and reported."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.computes.local import LocalTarget
from runyard.history.index_place import index_path
from runyard.record import owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.testing import runs
from tests.faults import laws


@pytest.fixture(scope="session")
def completed(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that has completed."""
    made = runs.make_run(runs.workspace(tmp_path_factory.mktemp("one")), "print('hello')")
    runs.start(LocalTarget(), made)
    runs.finish(made)
    laws.settle(made.workspace)
    return made


@pytest.fixture
def run(completed: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of it, to be broken."""
    shutil.copytree(completed.workspace.path, tmp_path / ".runyard", symlinks=True)
    return WorkspaceDirectory(str(tmp_path / ".runyard")).run(completed.experiment, completed.id)


def test_a_run_that_completed_breaks_no_law(run: RunDirectory) -> None:
    laws.settle(run.workspace)
    laws.hold(run.workspace, said=[run.id])
    assert [each.id for each in laws.runs(run.workspace)] == [run.id]


def _append(path: str, line: object) -> None:
    with open(path, "a") as stream:
        stream.write(json.dumps(line) + "\n")


def _shorten(run: RunDirectory) -> None:
    blob = next(Path(run.workspace.blobs).glob("??/*"))
    os.truncate(blob, 3)


def _forget_the_end(run: RunDirectory) -> None:
    lines = Path(run.events).read_text().splitlines(keepends=True)
    Path(run.events).write_text("".join(lines[:-1]))


def _never_running(run: RunDirectory) -> None:
    Path(run.events).write_text(Path(run.events).read_text().splitlines()[-1] + "\n")


def _other_reason(run: RunDirectory) -> None:
    _forget_the_end(run)
    _append(run.events, {"t": 1.0, "status": "Completed", "reason": "cancelled", "detail": {}})


BREACHES: list[tuple[Callable[[RunDirectory], object], str]] = [
    (lambda run: Path(run.run_json).write_text("{"), "run json is whole"),
    (lambda run: os.unlink(run.workspace.manifest(_snapshot(run))), "snapshot is whole"),
    (_shorten, "is not in"),
    (_shorten, "blobs are what they are called"),
    (lambda run: _append(run.events, {"t": 1.0, "status": "Running"}), "comes after the end"),
    (lambda run: _append(run.events, {"t": 1.0, "status": "Dancing"}), "is no event"),
    (_forget_the_end, "no run lies"),
    (_never_running, "was never Running"),
    (_other_reason, "the end is Completed (cancelled)"),
    (lambda run: Path(run.metrics, "a.jsonl").write_text("{\n"), "lines are whole"),
    (lambda run: Path(run.notes, "a.jsonl").write_text("[]\n"), "no object: b'[]'"),
    (lambda run: Path(run.join("handle.json.7.tmp")).touch(), "handle.json.7.tmp is left"),
]


def _snapshot(run: RunDirectory) -> str:
    return str(json.loads(Path(run.run_json).read_bytes())["snapshot"])


@pytest.mark.parametrize(("breach", "said"), BREACHES)
def test_a_breach_is_reported(
    run: RunDirectory, breach: Callable[[RunDirectory], object], said: str
) -> None:
    assert laws.broken(run.workspace) == []
    breach(run)
    found = laws.broken(run.workspace)
    assert any(said in line for line in found), found
    with pytest.raises(AssertionError, match="breaches in"):
        laws.hold(run.workspace)


def test_what_submit_said_must_be_there(run: RunDirectory) -> None:
    assert laws.broken(run.workspace, said=["exp_1_gone"]) == [
        "written before said: submit returned exp_1_gone, and there is no such run"
    ]


def test_a_lock_that_is_held_and_a_process_that_runs_on_are_reported(run: RunDirectory) -> None:
    ownership = owner.take(run.lock)
    assert ownership is not None
    marked = {**os.environ, "RUNYARD_RUN_DIRECTORY": run.path}
    argv = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(argv, env=marked, stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = laws.broken(run.workspace)
        process.kill()
    ownership.release()
    assert found[0].endswith("it has ended as Completed, and somebody holds its lock")
    assert found[1] == f"nothing runs on: process {process.pid} of {run.path}"
    assert laws.broken(run.workspace) == []


def test_a_list_that_says_something_else_is_reported(run: RunDirectory) -> None:
    assert laws.broken(run.workspace) == []
    os.utime(run.path, (1, 1))
    assert laws.broken(run.workspace) == []
    with sqlite3.connect(index_path(run.workspace)) as index:
        index.execute("UPDATE runs SET status = 'Canceled'")
    (line,) = laws.broken(run.workspace)
    assert line == (f"lists say what the files say: {run.path} is Completed, listed as Canceled")


def test_files_of_the_user_that_change_are_reported(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("1")
    with laws.untouched(tmp_path):
        pass
    with pytest.raises(AssertionError, match=r"train\.py"), laws.untouched(tmp_path):
        (tmp_path / "train.py").write_text("2")
