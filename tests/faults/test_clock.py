"""The clock of the machine is set, back or forward, while a run goes on, or a client has another.

Nothing that decides (who lives, when a limit is reached, whose turn it is) asks for the time of
day: only what is shown does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard import Workspace
from runyard.computes import runner_process
from runyard.history.reconcile import GRACE_S, reconcile
from runyard.record import creation, events, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.faults import laws, shifted_clock, submitting

DAY = 24 * 3600.0
SHIFTS = (-DAY, DAY)
RECORD: dict[str, Any] = {"type": "azureml.scriptrun", "spec": runs.spec()}

SCRIPT = """
import os, sys, time
sys.path.insert(0, sys.argv[2])
from tests.faults import shifted_clock
shifted_clock.install()
from runyard import Run
run = Run.get_context()
run.log("loss", 1)
run.tag("stage", "first")
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
run.log("loss", 2)
run.tag("stage", "second")
"""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runners and scripts have the clock that this file says; the test's is right."""
    path = tmp_path / "shift"
    path.write_text("0")
    monkeypatch.setenv(shifted_clock.VARIABLE, str(path))
    own = (sys.executable, shifted_clock.__file__)
    monkeypatch.setattr(runner_process, "own_program", lambda: own)
    return path


@pytest.fixture
def place(tmp_path: Path) -> WorkspaceDirectory:
    return submitting.workspace(tmp_path / "ws")


def begun(place: WorkspaceDirectory, folder: Path, **changes: Any) -> RunDirectory:
    """A run that waits for the file ``go`` of the folder."""
    source = submitting.source(folder / "source", SCRIPT)
    given = (str(folder / "go"), str(submitting.ROOT))
    run = submitting.submit(place, source, *given, **changes).directory
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    return run


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_clock_that_is_set_changes_neither_end_nor_order(
    clock: Path, place: WorkspaceDirectory, tmp_path: Path, shift: float
) -> None:
    run = begun(place, tmp_path, max_run_duration_seconds=600)
    clock.write_text(str(shift))
    time.sleep(0.6)  # the runner looks four times a second, and has no reason to end it
    assert Workspace.at(place).get_run(run.id).get_status() == "Running"
    (tmp_path / "go").touch()
    laws.settle(place)
    laws.hold(place, [run.id])
    state = events.read_state(run)
    assert state.reason is Reason.COMPLETED
    moments = [event["t"] for event in state.events]
    assert (moments[-1] - moments[0] > 0) is (shift > 0), "the clock was not set"
    seen = Workspace.at(place).get_run(run.id)
    assert seen.get_metrics() == {"loss": [1, 2]}
    assert seen.tags == {"stage": "second"}


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_time_limit_is_one_of_time_that_has_passed(
    clock: Path, place: WorkspaceDirectory, tmp_path: Path, shift: float
) -> None:
    begin = time.monotonic()
    run = begun(place, tmp_path, max_run_duration_seconds=6)
    clock.write_text(str(shift))
    laws.settle(place, 60)
    assert events.read_state(run).reason is Reason.TIME_LIMIT
    assert 6 < time.monotonic() - begin < 60


CLIENT = """
import json, sys
from pathlib import Path
from tests.faults import shifted_clock, submitting
shifted_clock.install()
from runyard import Workspace
workspace = Workspace.at(submitting.WorkspaceDirectory(sys.argv[1]))
run = workspace.get_run(sys.argv[2])
listed = [entry.status for entry in workspace.select()]
status = run.get_status()
run.cancel()
print(json.dumps([listed, status, run.wait_for_completion()["status"]]))
"""


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_client_with_a_wrong_clock_sees_and_ends_what_is_there(
    place: WorkspaceDirectory,
    tmp_path: Path,
    shift: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "shift").write_text("0")
    monkeypatch.setenv(shifted_clock.VARIABLE, str(tmp_path / "shift"))
    run = begun(place, tmp_path)
    (tmp_path / "wrong").write_text(str(shift))
    monkeypatch.setenv(shifted_clock.VARIABLE, str(tmp_path / "wrong"))
    out, err = submitting.program(CLIENT, place.path, run.id).communicate()
    assert json.loads(out) == [["Running"], "Running", "Canceled"], err
    laws.settle(place)
    laws.hold(place, [run.id])


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_submit_that_was_killed_is_lost_also_where_the_clock_was_set(
    place: WorkspaceDirectory, shift: float
) -> None:
    """One whose lock nobody has signed is left to its creator for some seconds: not for a day."""
    run = creation.create_run(place, "exp", {**RECORD, "created": time.time() + shift})
    reconcile([run])
    assert events.read_state(run).reason is Reason.RUNNER_LOST


@pytest.mark.parametrize("ahead_s", [-GRACE_S / 2, 2.0])
def test_one_that_is_about_to_begin_is_left_alone_where_clocks_differ_a_little(
    place: WorkspaceDirectory, ahead_s: float
) -> None:
    """Machines that share a workspace."""
    now = time.time()
    run = creation.create_run(place, "exp", {**RECORD, "created": now + ahead_s})
    reconcile([run], lambda: now)
    assert not events.read_state(run).status.ended
    assert owner.signature(run.lock) == {}
    assert not os.path.exists(run.lock)
