"""SIGSTOP of the witness: who waits for the script in the runner's stead stands still itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from runyard.history.reconcile import reconcile_run
from runyard.record import events, owner, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.faults import laws
from tests.faults.test_adoption import GATED, go, kill_runner, start_ready


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def stopped(workspace: WorkspaceDirectory) -> RunDirectory:
    """A run whose script goes on to exit code 5 once it may, and whose witness stands still."""
    run = runs.make_run(workspace, GATED + "sys.exit(5)", grace_period_s=1.0)
    start_ready(run)
    os.kill(script.read(run).witness["pid"], signal.SIGSTOP)
    return run


def script_has_ended(run: RunDirectory) -> None:
    go(run)
    found = script.read(run)
    assert found.pid is not None
    runs.wait_for(lambda: owner.start_ticks(found.pid or 0) is None)


def holds(run: RunDirectory, reason: Reason, adopted: int | None) -> None:
    state = runs.finish(run)
    assert (state.reason, state.detail.get("adopted")) == (reason, adopted)
    if reason is Reason.SCRIPT_EXIT_CODE:
        assert state.detail["exit_code"] == 5
    laws.settle(run.workspace)
    laws.hold(run.workspace, [run.id])


def test_it_goes_on_when_the_script_has_ended(workspace: WorkspaceDirectory) -> None:
    run = stopped(workspace)
    script_has_ended(run)
    begun = time.monotonic()
    holds(run, Reason.SCRIPT_EXIT_CODE, None)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("ended_before", [False, True])
def test_it_goes_on_though_the_runner_is_killed_as_well(
    workspace: WorkspaceDirectory, ended_before: bool
) -> None:
    """The runner that comes then has it say how the script has ended, and tells that."""
    run = stopped(workspace)
    kill_runner(run)
    if ended_before:
        script_has_ended(run)
        reconcile_run(run)
    else:
        reconcile_run(run)
        assert events.read_state(run).status is Status.RUNNING
        script_has_ended(run)
    holds(run, Reason.SCRIPT_EXIT_CODE, 1)


@pytest.mark.parametrize("killed", [False, True])
def test_a_cancel_is_carried_out(workspace: WorkspaceDirectory, killed: bool) -> None:
    run = stopped(workspace)
    if killed:
        kill_runner(run)
        reconcile_run(run)
    events.request(run, "cancel")
    holds(run, Reason.CANCELLED, 1 if killed else None)
