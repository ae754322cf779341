"""The promises of a compute target, as tests anybody can run on theirs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from runyard.computes import processes
from runyard.computes.protocol import ComputeTarget, Handle
from runyard.history.targets import TargetState
from runyard.record import events, metrics, notes, owner
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


class ComputeTargetConformance:
    """Derive a test class and give it a ``target`` fixture.

    A target whose runners run elsewhere overrides ``kill_runner``. One that does not share this
    machine's disk is registered as ``'far'`` with ``targets.register_target``, and its fixture
    ``workspace`` has object storage as its default datastore: ``Datastore.register(...)``, and
    ``set_as_default()``.
    """

    @pytest.fixture
    def target(self) -> ComputeTarget:
        """The target under test."""
        raise NotImplementedError("define a fixture 'target' that returns yours")

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> WorkspaceDirectory:
        """Where the runs of a test lie; visible on the nodes of a target that shares the disk."""
        return runs.workspace(tmp_path)

    def kill_runner(self, handle: Handle) -> None:
        """End the runner of a run so that it can do nothing more, as a crash would."""
        os.kill(handle["pid"], signal.SIGKILL)

    def test_an_ordinary_spec_has_no_problems(self, target: ComputeTarget) -> None:
        """One process on one node is the least a target can do."""
        assert target.check(SimpleNamespace(**runs.spec())) == []

    def test_submit_starts_a_runner_that_ends_the_run(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """The handle is JSON, the script's output is in the log."""
        run = runs.make_run(workspace, "print('hello from', __file__)")
        handle = runs.start(target, run)
        assert json.loads(json.dumps(handle)) == handle
        assert runs.finish(run).reason is Reason.COMPLETED
        assert "hello from" in runs.log_of(run)

    def test_the_end_is_the_scripts_own(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """Exit codes come through."""
        run = runs.make_run(workspace, "raise SystemExit(7)")
        runs.start(target, run)
        state = runs.finish(run)
        assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 7)

    def test_poll_answers_many_in_order(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """A living run is alive; one whose runner died without a word is gone."""
        first, second = (runs.make_run(workspace, SLEEPER, grace_period_s=0.2) for _ in range(2))
        handles = [runs.start(target, first), runs.start(target, second)]
        for run in (first, second):
            runs.wait_for(lambda run=run: "ready" in runs.log_of(run))
        assert target.poll(handles) == [TargetState.ALIVE, TargetState.ALIVE]
        self.kill_runner(handles[0])
        runs.wait_for(lambda: target.poll(handles) == [TargetState.GONE, TargetState.ALIVE])
        target.reap(first)
        target.cancel(handles[1])
        runs.finish(second)

    def test_poll_of_nothing_is_nothing(self, target: ComputeTarget) -> None:
        """An empty question has an empty answer."""
        assert target.poll([]) == []

    def test_cancel_is_idempotent(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """Twice is as good as once, and after the end it does nothing."""
        run = runs.make_run(workspace, SLEEPER, grace_period_s=0.2)
        handle = runs.start(target, run)
        runs.wait_for(lambda: "ready" in runs.log_of(run))
        target.cancel(handle)
        target.cancel(handle)
        state = runs.finish(run)
        assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
        target.cancel(handle)
        assert events.read_state(run).reason is Reason.CANCELLED

    def test_reap_leaves_nothing_of_a_lost_run(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """After a crash of the runner its script does not run on for ever."""
        run = runs.make_run(workspace, SLEEPER)
        handle = runs.start(target, run)
        runs.wait_for(lambda: "ready" in runs.log_of(run))
        self.kill_runner(handle)
        runs.wait_for(lambda: not owner.is_held(run.lock))
        target.reap(run)
        target.reap(run)
        runs.wait_for(lambda: processes.of_run(run.path) == [])

    def test_what_a_script_leaves_is_in_the_run_directory(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """Outputs, metrics and tags, on whatever disk they were written first."""
        script = (
            "from runyard import Run; run = Run.get_context(); run.log('loss', 0.5); "
            "run.tag('a', 'b'); open('outputs/model.txt', 'w').write('whole')"
        )
        run = runs.make_run(workspace, script)
        runs.start(target, run)
        assert runs.finish(run).reason is Reason.COMPLETED, runs.log_of(run)
        assert Path(run.outputs, "model.txt").read_text() == "whole"
        assert metrics.read_metrics(run) == {"loss": 0.5}
        assert notes.read_notes(run, {}).tags == {"a": "b"}

    def test_secrets_stay_off_the_disk(
        self, target: ComputeTarget, workspace: WorkspaceDirectory
    ) -> None:
        """The script sees them, the run directory does not."""
        script = "import os; print(os.environ['API_TOKEN'] == 'tell' + '-nobody')"
        run = runs.make_run(workspace, script, secret_variables=["API_TOKEN"])
        runs.start(target, run, {"API_TOKEN": "tell-nobody"})
        runs.finish(run)
        assert runs.log_of(run) == "True\n"
        files = [path for path in Path(run.path).rglob("*") if path.is_file()]
        assert [path for path in files if b"tell-nobody" in path.read_bytes()] == []
