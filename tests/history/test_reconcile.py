from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runyard.history import targets
from runyard.history.reconcile import reconcile, reconcile_run
from runyard.history.targets import TargetState, register_target
from runyard.record import jsonl, owner
from runyard.record.events import State, read_state, request
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.owner import Ownership
from runyard.record.states import Reason, Status
from tests.descriptors import descriptors
from tests.history.helpers import end, make_run, note_status, sign_and_let_go

HOLDER = """
import sys
from runyard.record import owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Status
run = RunDirectory(sys.argv[1])
held = owner.take(run.lock)
owner.sign(held, owner.identity())
EventLog(run).status(Status.RUNNING)
print("holding", flush=True)
sys.stdin.read()
"""


class FakeTarget:
    """Answers what the test says, and remembers what it was asked."""

    def __init__(self, *states: TargetState) -> None:
        self.states = list(states)
        self.polled: list[list[dict[str, Any]]] = []
        self.reaped: list[str] = []

    def check(self, spec: Any) -> Sequence[Any]:
        return []

    def submit(
        self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]
    ) -> dict[str, Any]:
        return {"run": run.path}

    def poll(self, handles: Sequence[dict[str, Any]]) -> list[TargetState]:
        self.polled.append(list(handles))
        return self.states

    def cancel(self, handle: dict[str, Any]) -> None:
        pass

    def reap(self, run: RunDirectory) -> None:
        assert owner.take(run.lock) is None, "reaped without the lock"
        self.reaped.append(run.id)


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_FACTORIES", dict(targets._FACTORIES))
    monkeypatch.setattr("runyard.history.reconcile._warned", set())


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return WorkspaceDirectory(str(tmp_path / ".runyard"))


def fake(*states: TargetState) -> FakeTarget:
    target = FakeTarget(*states)
    register_target("fake", lambda: target)
    return target


@contextmanager
def holder(run: RunDirectory) -> Iterator[subprocess.Popen[str]]:
    """Another process that is the runner of a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, run.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        try:
            yield process
        finally:
            process.kill()


def state_of(run: RunDirectory) -> State:
    return read_state(run)


def test_no_run_lies_after_kill_9_of_its_runner(workspace: WorkspaceDirectory) -> None:
    target = fake(TargetState.GONE)
    run = make_run(workspace, target="fake")
    with holder(run) as runner:
        assert reconcile_run(run)
        assert state_of(run).status is Status.RUNNING
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    assert reconcile_run(run)
    state = state_of(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.RUNNER_LOST)
    assert state.detail["error"]["message"] == (
        f"The runner (process {runner.pid} on {os.uname()[1]}) is gone and has not written how "
        "the run ended."
    )
    assert state.detail["hint"] == Reason.RUNNER_LOST.hint
    assert target.reaped == [run.id]


def test_no_run_lies_on_the_local_target(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, target="local")
    marked = {**os.environ, "RUNYARD_RUN_DIRECTORY": run.path}
    with holder(run) as runner, subprocess.Popen(["sleep", "60"], env=marked) as orphan:
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
        try:
            reconcile_run(run)
            orphan.wait(timeout=10)
        finally:
            orphan.kill()
    assert state_of(run).reason is Reason.RUNNER_LOST


def test_only_the_runner_ends_a_run_while_it_lives(workspace: WorkspaceDirectory) -> None:
    target = fake(TargetState.GONE)
    run = make_run(workspace, target="fake")
    with holder(run):
        assert reconcile([run]) == frozenset()
        assert state_of(run).status is Status.RUNNING
    assert target.polled == []
    assert target.reaped == []


def test_no_run_lies_about_an_interactive_run_killed(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, type="interactive", spec=None)
    with holder(run) as script:
        assert reconcile_run(run)
        assert state_of(run).status is Status.RUNNING
        os.kill(script.pid, signal.SIGKILL)
        script.wait()
    assert reconcile_run(run)
    state = state_of(run)
    assert state.reason is Reason.RUNNER_LOST
    assert "run.complete() was never called. Use `with run:`" in state.detail["message"]


def test_a_run_of_this_machine_before_a_restart_is_lost(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run, boot="another", pid=os.getpid())
    assert reconcile_run(run)
    assert "which has restarted since" in state_of(run).detail["message"]


def test_a_run_of_another_machine_is_not_judged(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run, host="elsewhere")
    assert reconcile([run]) == {run.path}
    assert not reconcile_run(run)
    assert state_of(run).status is Status.RUNNING


def test_a_living_script_that_lost_its_lock_is_not_ended(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, type="interactive", spec=None)
    note_status(run, Status.RUNNING)
    sign_and_let_go(run)  # the signature is this process's, which lives
    assert reconcile_run(run)
    assert state_of(run).status is Status.RUNNING


@pytest.mark.parametrize("line", ['{"t":1,"status":"Comp\0\0', '{"t":1,"status":"Finished"}'])
def test_no_end_is_written_after_a_damaged_event(workspace: WorkspaceDirectory, line: str) -> None:
    target = fake(TargetState.GONE)
    for run in (make_run(workspace), make_run(workspace, target="fake")):
        note_status(run, Status.RUNNING)
        with open(run.events, "a") as stream:
            stream.write(line + "\n")
        before = Path(run.events).read_bytes()
        sign_and_let_go(run, pid=1 << 30)
        with pytest.warns(UserWarning, match=r"shown as NotResponding: .*events.jsonl"):
            assert not reconcile_run(run)
        assert reconcile([run]) == {run.path}  # and no second warning
        assert Path(run.events).read_bytes() == before
        with open(run.events, "w"):
            pass
    assert target.reaped == []


def test_an_end_written_meanwhile_is_kept(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace, target="fake")

    class EndsMeanwhile(FakeTarget):
        def poll(self, handles: Sequence[dict[str, Any]]) -> list[TargetState]:
            end(run)
            return [TargetState.GONE]

    target = EndsMeanwhile()
    register_target("fake", lambda: target)
    assert reconcile_run(run)
    assert state_of(run).reason is Reason.COMPLETED
    assert target.reaped == []


def test_one_poll_per_target_with_the_handles_of_submission(
    workspace: WorkspaceDirectory,
) -> None:
    target = fake(TargetState.ALIVE, TargetState.UNKNOWN)
    runs = [make_run(workspace, run_id=name, target="fake") for name in ("r1", "r2")]
    jsonl.write_once(runs[0].join("handle.json"), {"job": 7})
    assert reconcile(runs) == {runs[1].path}
    assert target.polled == [[{"job": 7, "run": runs[0].path}, {"run": runs[1].path}]]
    assert [state_of(run).status for run in runs] == [Status.NOT_STARTED] * 2


def test_no_run_lies_in_a_copy_made_while_it_was_going_on(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    target = fake(TargetState.ALIVE)
    run = make_run(workspace, target="fake")
    sign_and_let_go(run)
    note_status(run, Status.RUNNING)
    jsonl.write_once(run.join("handle.json"), {"job": 7, "run": run.path})
    shutil.copytree(workspace.path, tmp_path / "copy")
    copy = WorkspaceDirectory(str(tmp_path / "copy")).run("exp", run.id)
    assert reconcile_run(copy)
    assert state_of(copy).reason is Reason.RUNNER_LOST
    assert state_of(copy).detail["message"].startswith(f"A copy of {run.path}, made before")
    assert (target.polled, target.reaped) == ([], [])
    assert state_of(run).status is Status.RUNNING
    (tmp_path / "link").symlink_to(workspace.path)
    assert reconcile_run(WorkspaceDirectory(str(tmp_path / "link")).run("exp", run.id))
    assert state_of(run).status is Status.RUNNING


def test_a_workspace_that_was_moved_is_no_copy(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    target = fake(TargetState.ALIVE)
    run = make_run(workspace, target="fake")
    sign_and_let_go(run)
    jsonl.write_once(run.join("handle.json"), {"run": run.path})
    os.rename(workspace.path, tmp_path / "moved")
    moved = WorkspaceDirectory(str(tmp_path / "moved")).run("exp", run.id)
    assert reconcile_run(moved)
    assert target.polled == [[{"run": moved.path}]]
    assert not state_of(moved).status.ended


def test_a_young_run_is_left_to_its_creator(workspace: WorkspaceDirectory) -> None:
    target = fake(TargetState.GONE)
    now = time.time()
    runs = [
        make_run(workspace, age_s=0, target="fake"),
        make_run(workspace, age_s=0, type="interactive", spec=None),
    ]
    assert reconcile(runs, lambda: now) == frozenset()
    assert target.polled == []
    assert not os.path.exists(runs[1].lock)
    assert all(not state_of(run).status.ended for run in runs)


def test_a_submission_that_was_killed_is_lost(workspace: WorkspaceDirectory) -> None:
    fake(TargetState.GONE)
    run = make_run(workspace, target="fake")
    reconcile_run(run)
    assert state_of(run).reason is Reason.RUNNER_LOST
    assert state_of(run).detail["message"].startswith("The process that submitted this run ended")


def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(workspace: WorkspaceDirectory) -> None:
    target = fake(TargetState.GONE)
    run = make_run(workspace, target="fake")
    note_status(run, Status.RUNNING)
    request(run, "cancel")
    reconcile_run(run)
    assert state_of(run).reason is Reason.CANCELLED
    assert target.reaped == [run.id]


def test_a_child_waits_for_its_parent(workspace: WorkspaceDirectory) -> None:
    parent = make_run(workspace, run_id="p", type="interactive", spec=None)
    child = make_run(workspace, run_id="p_1", type="interactive", spec=None, parent="p")
    with holder(parent):
        assert reconcile([parent, child]) == frozenset()
        assert state_of(child).status is Status.NOT_STARTED
    assert reconcile_run(child)  # looks after the parent first
    assert state_of(parent).reason is Reason.RUNNER_LOST
    assert state_of(child).reason is Reason.CANCELLED
    assert state_of(child).detail["message"] == "never started: its parent p ended first"


def test_a_child_without_its_parent_directory_is_cancelled(workspace: WorkspaceDirectory) -> None:
    child = make_run(workspace, type="interactive", spec=None, parent="removed")
    assert reconcile([child]) == frozenset()
    assert state_of(child).reason is Reason.CANCELLED


@pytest.mark.parametrize("fault", ["unknown", "raises", "short"])
def test_a_target_that_does_not_answer_is_not_an_end(
    workspace: WorkspaceDirectory, fault: str
) -> None:
    class Broken(FakeTarget):
        def poll(self, handles: Sequence[dict[str, Any]]) -> list[TargetState]:
            if fault == "raises":
                raise OSError("squeue does not answer")
            return []

    if fault != "unknown":
        register_target("fake", Broken)
    run = make_run(workspace, target="fake")
    why = {
        "unknown": "no compute target named 'fake'",
        "raises": "squeue does not answer",
        "short": "poll of 1 runs returned 0 states",
    }[fault]
    with pytest.warns(UserWarning, match=f"'fake' did not say how its runs are.*{why}"):
        assert reconcile([run]) == {run.path}
    assert reconcile([run]) == {run.path}  # warned of once
    assert not state_of(run).status.ended


def test_a_run_whose_processes_cannot_be_ended_has_not_ended(
    workspace: WorkspaceDirectory,
) -> None:
    class Stubborn(FakeTarget):
        def reap(self, run: RunDirectory) -> None:
            raise PermissionError("not yours")

    register_target("fake", lambda: Stubborn(TargetState.GONE))
    run = make_run(workspace, target="fake")
    with pytest.warns(UserWarning, match=r"not yours"):
        assert reconcile([run]) == {run.path}
    assert not state_of(run).status.ended
    assert not owner.is_held(run.lock)


def test_a_folder_that_cannot_be_written_is_still_read(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = make_run(workspace, run_id="r1", type="interactive", spec=None)
    gone = make_run(workspace, run_id="r2", type="interactive", spec=None)
    sign_and_let_go(living)
    sign_and_let_go(gone, pid=2**22 + 1, start=1)

    def refuse(path: str) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(owner, "take", refuse)
    monkeypatch.setattr(owner, "is_held", refuse)
    assert reconcile([living, gone]) == {gone.path}


def test_ending_lost_runs_leaves_no_file_open(workspace: WorkspaceDirectory) -> None:
    fake(TargetState.GONE)
    gc.collect()  # what others have left open is not closed meanwhile
    before = descriptors()
    for _ in range(3):
        reconcile_run(make_run(workspace, target="fake"))
    assert descriptors() <= before
