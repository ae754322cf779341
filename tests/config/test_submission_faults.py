"""What is left, and what is said, when a run cannot be started."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

import pytest

from runyard.config import submission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.errors import ExperimentExecutionException, SnapshotException
from runyard.history.snapshots import SnapshotStore
from runyard.record import creation, events, jsonl, notes, owner
from runyard.record.states import Reason, Status
from tests.config.fixtures import runs_of as _runs
from tests.config.targets import FakeTarget


def test_a_target_that_starts_nothing_ends_the_run(
    config: ScriptRunConfig, experiment: Any, target: FakeTarget
) -> None:
    target.error = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    with pytest.raises(
        ExperimentExecutionException,
        match=r"run exp_\w+ could not be started on 'local': .*unavailable; as many processes run "
        r"as may \(ulimit -u is .*\): end some, or raise it, and try again; the run is kept",
    ) as caught:
        submission.submit(config, experiment)
    assert caught.value.inner_exception is target.error
    (run,) = _runs(experiment)
    state = events.read_state(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.LAUNCH_FAILED)
    assert state.detail["error"]["type"] == "BlockingIOError"
    assert "temporarily unavailable" in state.detail["error"]["message"]
    assert not owner.is_held(run.lock)


def _full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full_text(experiment: Any) -> str:
    place = re.escape(repr(experiment.workspace.directory.path))
    return (
        rf"the run could not be written to the workspace folder {place}: No space left on "
        r"device; \d+ MiB are free there; make room and submit again"
    )


def test_a_full_disk_while_the_run_is_made_leaves_nothing(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "write_once", _full)
    with pytest.raises(ExperimentExecutionException, match=_full_text(experiment)):
        submission.submit(config, experiment)
    assert _runs(experiment) == []


def test_a_full_disk_while_the_parent_is_told_leaves_nothing(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = submission.submit(config, experiment)
    monkeypatch.setattr(notes.NoteWriter, "write", _full)
    with pytest.raises(ExperimentExecutionException, match=_full_text(experiment)):
        submission.submit(config, experiment, parent=parent)
    assert [run.id for run in _runs(experiment)] == [parent.id]


def test_a_full_disk_while_the_source_is_stored(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Any:
        raise SnapshotException("storing failed", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    monkeypatch.setattr(SnapshotStore, "take", full)
    with pytest.raises(ExperimentExecutionException, match=_full_text(experiment)):
        submission.submit(config, experiment)


def test_other_errors_of_the_snapshot_stay_what_they_are(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise SnapshotException("keeps changing")

    monkeypatch.setattr(SnapshotStore, "take", broken)
    with pytest.raises(SnapshotException, match="keeps changing"):
        submission.submit(config, experiment)


def test_a_workspace_that_may_not_be_written(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/ws/runs")

    monkeypatch.setattr(creation, "make_folder", closed)
    with pytest.raises(ExperimentExecutionException, match=r"denied \(/ws/runs\); check who may"):
        submission.submit(config, experiment)


def test_a_started_run_is_not_lost_for_its_handle(
    config: ScriptRunConfig,
    experiment: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = jsonl.write_once

    def full(path: str, record: Any, sync: bool = True) -> None:
        _full() if path.endswith("handle.json") else whole(path, record, sync)

    monkeypatch.setattr(jsonl, "write_once", full)
    run = submission.submit(config, experiment)
    assert f"run {run.id}: handle.json could not be written" in caplog.text
