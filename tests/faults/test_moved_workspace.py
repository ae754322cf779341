"""The workspace is moved, or renamed, while a run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runyard import Workspace
from runyard.computes import processes
from runyard.history.run import Run
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.faults import laws, submitting

SCRIPT = """
import os, subprocess, sys, time
from runyard import Run
run = Run.get_context()
run.log("loss", 1)
subprocess.Popen(["sleep", "600"])
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
run.log("loss", 2)
with open("outputs/late.txt", "w") as stream:
    stream.write("late")
exec(sys.argv[2])
"""


class Moved:
    """A run whose workspace was renamed after it had begun."""

    def __init__(self, folder: Path, *then: str, **changes: Any) -> None:
        self.go = folder / "go"
        source = submitting.source(folder / "source", SCRIPT)
        place = submitting.workspace(folder / "ws")
        given = (str(self.go), *(then or ("",)))
        before = submitting.submit(place, source, *given, **changes).directory
        runs.wait_for(lambda: "ready" in runs.log_of(before))
        # The last that the runner writes before the script ends.
        runs.wait_for(lambda: jsonl.read_json(before.environment_json).get("lock"))
        self.old = place.path
        os.rename(place.path, folder / "renamed")
        self.workspace = WorkspaceDirectory(str(folder / "renamed"))
        self.directory: RunDirectory = self.workspace.run("exp", before.id)

    @property
    def run(self) -> Run:
        return Workspace.at(self.workspace).get_run(self.directory.id)

    def finish(self) -> events.State:
        """All laws hold where it is now, and nothing has appeared where it was."""
        laws.settle(self.workspace)
        laws.hold(self.workspace, [self.directory.id])
        assert not os.path.lexists(self.old)
        return events.read_state(self.directory)


def test_a_run_goes_on_and_completes_where_its_workspace_is_now(tmp_path: Path) -> None:
    moved = Moved(tmp_path)
    assert moved.run.get_status() == "Running"
    moved.go.touch()
    assert moved.finish().reason is Reason.COMPLETED
    assert moved.run.get_metrics() == {"loss": [1, 2]}
    assert Path(moved.directory.outputs, "late.txt").read_text() == "late"
    # Tidied as any other: what is as in the snapshot is gone.
    assert sorted(os.listdir(moved.directory.work)) == ["logs", "outputs"]


def test_it_fails_with_what_its_log_says(tmp_path: Path) -> None:
    moved = Moved(tmp_path, "raise ValueError('no convergence')")
    moved.go.touch()
    state = moved.finish()
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert state.detail["error"]["message"] == "no convergence"


def test_it_is_cancelled_where_its_workspace_is_now(tmp_path: Path) -> None:
    moved = Moved(tmp_path)
    moved.run.cancel()
    assert moved.finish().reason is Reason.CANCELLED


def test_its_time_limit_ends_it(tmp_path: Path) -> None:
    moved = Moved(tmp_path, max_run_duration_seconds=6)
    assert moved.finish().reason is Reason.TIME_LIMIT


def test_a_killed_runner_leaves_no_process_behind(tmp_path: Path) -> None:
    moved = Moved(tmp_path)
    os.kill(owner.signature(moved.directory.lock)["pid"], signal.SIGKILL)
    events.request(moved.directory, "cancel")
    assert moved.finish().reason is Reason.CANCELLED


def test_with_a_link_in_the_old_place_a_script_may_open_files_of_its_run(tmp_path: Path) -> None:
    """Without it what it opens by the path it knows is not there, and it says so."""
    moved = Moved(tmp_path, "run.tag('late', 'yes')")
    os.symlink(moved.workspace.path, moved.old)
    moved.go.touch()
    laws.settle(moved.workspace)
    laws.hold(moved.workspace, [moved.directory.id])
    assert moved.run.get_status() == "Completed"
    assert moved.run.tags == {"late": "yes"}


def test_a_script_that_opens_a_file_of_its_run_in_the_old_place_says_so(tmp_path: Path) -> None:
    moved = Moved(tmp_path, "run.tag('late', 'yes')")
    moved.go.touch()
    state = moved.finish()
    assert state.reason is Reason.SCRIPT_EXCEPTION
    error = state.detail["error"]
    assert error["type"] == "runyard.errors.RunWriteException"
    assert "No such file or directory" in error["message"]


@pytest.mark.parametrize("marked", ["moved away", "of another run"])
def test_a_process_is_of_a_run_that_was_moved_only_when_it_is_in_it(
    tmp_path: Path, marked: str
) -> None:
    """One of a run whose folder is there, or whose current folder is elsewhere, is not ended."""
    place = tmp_path / "run"
    (place / "work").mkdir(parents=True)
    other = tmp_path / "other"
    if marked == "of another run":
        other.mkdir()
    variables = {**os.environ, "RUNYARD_RUN_DIRECTORY": str(other)}
    inside, outside = (
        subprocess.Popen(["sleep", "60"], env=variables, cwd=folder)
        for folder in (place / "work", tmp_path)
    )
    try:
        found = processes.of_run(str(place))
        assert found == ([inside.pid] if marked == "moved away" else [])
    finally:
        for process in (inside, outside):
            process.kill()
            process.wait()
