"""Runs whose environment is built where they were submitted, before they go to Slurm."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from runyard import Workspace
from runyard.computes.slurm import jobs
from runyard.computes.slurm.commands import SlurmError
from runyard.computes.slurm.target import SlurmTarget
from runyard.environments.spec import EnvironmentSpec
from runyard.history import reconcile
from runyard.history.targets import TargetState
from runyard.record import events, jsonl
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspaceDirectory:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    return runs.workspace(tmp_path)


@pytest.fixture
def target(slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
    return target_of(slurm, workspace)


def unbuilt(workspace: WorkspaceDirectory, **changes: object) -> RunDirectory:
    """A run with an empty environment, which is not in the cache."""
    spec = EnvironmentSpec(
        name="empty",
        kind="venv",
        python=None,
        interpreter=sys.executable,
        python_version=runs.PYTHON_VERSION,
        key="0123456789abcdef0123456789abcdef",
    )
    environment = {**msgspec.to_builtins(spec), **changes}
    text = "import sys; print(sys.prefix)"
    return runs.make_run(workspace, text, target="hpc", environment=environment)


def statuses(run: RunDirectory) -> list[str]:
    return [event["status"] for event in events.read_state(run).events]


def test_it_is_built_here_and_runs_there(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    run = unbuilt(workspace)
    handle = runs.start(target, run)
    assert "pid" in handle
    state = runs.finish(run, 60)
    assert state.reason is Reason.COMPLETED, state.detail
    assert statuses(run) == ["Preparing", "Queued", "Running", "Finalizing", "Completed"]
    assert jobs.read(run) is not None
    assert "cache/environments/0123456789abcdef" in runs.log_of(run)
    again = unbuilt(workspace)
    assert "pid" not in runs.start(target, again)  # nobody here is needed to build
    assert runs.finish(again).reason is Reason.COMPLETED


def test_it_is_kept_while_a_run_of_another_workspace_waits_for_it(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    other = Workspace.create("other", path=str(tmp_path / "other"))

    def collected() -> list[str]:
        """What ``runyard gc`` in the other workspace removes, or why it does not."""
        (group,) = other.gc(remove=True, only=["environments"], unused_s=0.0)
        return [*group.names, *group.kept]

    built = unbuilt(workspace)
    runs.start(target_of(slurm, workspace), built)
    assert runs.finish(built, 60).reason is Reason.COMPLETED
    key = jsonl.read_json(built.environment_json)["key"]
    held = target_of(slurm, workspace, sbatch_options={"hold": True})
    waiting, cancelled = unbuilt(workspace), unbuilt(workspace)
    for run in (waiting, cancelled):
        runs.start(held, run)
    held.cancel(reconcile.handle_of(cancelled))

    assert collected() == [f"{key}: kept: {waiting.path} waits in the queue of its cluster"]
    job = jobs.read(waiting)
    assert job is not None
    slurm.ask("scontrol", "release", job.number)
    assert runs.finish(waiting, 60).reason is Reason.COMPLETED
    slurm.wait_until(lambda: slurm.state(job.number) == "COMPLETED", "its job has ended")

    notes = tmp_path / "cache" / "environments" / ".waiting" / key
    assert {path.name.rpartition("-")[0] for path in notes.iterdir()} <= {cancelled.id}
    assert collected() == [key]
    assert list(notes.iterdir()) == []


def test_a_submit_whose_environment_is_removed_meanwhile_says_so(
    slurm: SlurmCluster, target: SlurmTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unbuilt(target.workspace)
    monkeypatch.setattr(SlurmTarget, "_submits", lambda *_: True)  # it was there a moment ago
    with pytest.raises(SlurmError) as caught:
        runs.start(target, run)
    assert str(caught.value.message) == (
        "the environment 'empty' of the run was removed from the cache while the run was being "
        "submitted: submit it again"
    )
    assert slurm.ask("squeue", "--noheader", "--states=RUNNING,PENDING") == ""


def test_a_build_that_fails_is_the_end(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    run = unbuilt(workspace, requirements=["not a requirement !"])
    runs.start(target, run)
    state = runs.finish(run, 60)
    assert state.reason is Reason.ENVIRONMENT_FAILED
    assert jobs.read(run) is None


def test_what_sbatch_refuses_after_the_build_is_the_end(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace, partition="nowhere")
    run = unbuilt(workspace)
    handle = runs.start(target, run)
    state = runs.finish(run, 60)
    assert state.reason is Reason.LAUNCH_FAILED
    assert "invalid partition specified: nowhere" in state.detail["error"]["message"]
    assert target.poll([handle]) == [TargetState.GONE]


def test_a_cancel_ends_the_build(
    target: SlurmTarget,
    workspace: WorkspaceDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("RUNYARD_UV", str(slow))
    run = unbuilt(workspace)
    handle = runs.start(target, run)
    runs.wait_for(lambda: events.read_state(run).status is Status.PREPARING)
    assert target.poll([handle]) == [TargetState.ALIVE]
    target.cancel(handle)
    assert runs.finish(run).reason is Reason.CANCELLED
    assert jobs.read(run) is None
    assert reconcile.reconcile([run]) == frozenset()


def test_an_environment_that_the_node_does_not_see(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    prologue = tmp_path / "site.sh"
    prologue.write_text("export RUNYARD_CACHE_DIR=/nowhere/cache\n")
    target = target_of(slurm, workspace, prologue=str(prologue))
    run = unbuilt(workspace)
    runs.start(target, run)
    state = runs.finish(run, 60)
    assert state.reason is Reason.LAUNCH_FAILED
    assert "is not seen on node" in state.detail["error"]["message"]
    assert "set RUNYARD_CACHE_DIR to a folder there where you submit" in state.detail["hint"]
