"""Environments that runs of a cluster wait for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.environments import cache, waiting
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspaceDirectory:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    os.makedirs(cache.prefix(KEY))
    body = {"format": cache.MARKER_FORMAT, "key": KEY, "python": os.devnull}
    cache.write_json(os.path.join(cache.prefix(KEY), cache.MARKER_NAME), body)
    return runs.workspace(tmp_path)


def test_it_is_waited_for_until_the_run_has_ended(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace)
    assert waiting.waits(KEY) == ""
    assert waiting.note(KEY, run)
    assert waiting.waits(KEY) == run.path
    log = events.EventLog(run)
    log.end(Reason.CANCELLED)
    log.close()
    assert waiting.waits(KEY) == ""


def test_the_run_forgets_it(workspace: WorkspaceDirectory) -> None:
    first, second = runs.make_run(workspace), runs.make_run(workspace)
    for run in (first, second):
        assert waiting.note(KEY, run)
    waiting.forget(KEY, first)
    assert waiting.waits(KEY) == second.path
    waiting.forget(KEY, second)
    waiting.forget(KEY, second)
    assert waiting.waits(KEY) == ""


def test_runs_that_are_removed_or_were_never_written_wait_for_nothing(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace)
    assert waiting.note(KEY, run)
    os.unlink(run.run_json)
    assert waiting.waits(KEY) == run.path  # its submitter may be about to write that
    (note,) = Path(cache.prefix(KEY)).parent.glob(f".waiting/{KEY}/*")
    os.utime(note, (0, 0))
    assert waiting.waits(KEY) == ""
    assert not note.exists()


def test_one_that_is_gone_is_not_waited_for(workspace: WorkspaceDirectory) -> None:
    os.unlink(os.path.join(cache.prefix(KEY), cache.MARKER_NAME))
    assert not waiting.note(KEY, RunDirectory(runs.make_run(workspace).path))
    assert waiting.waits(KEY) == ""
