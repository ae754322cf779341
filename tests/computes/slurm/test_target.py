"""What becomes of runs on a real Slurm, and what is said about them."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.computes.slurm import jobs, queue
from runyard.computes.slurm.commands import SlurmError
from runyard.computes.slurm.target import SlurmTarget
from runyard.history import reconcile, targets
from runyard.history.targets import TargetState
from runyard.record import computes, events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.computes.slurm.targets import kill_runner, target_of
from tests.slurm_cluster import SlurmCluster

READY = "import time; print('ready', flush=True); time.sleep(600)"
FULL: dict[str, Any] = {"node_count": 3, "resources": {"cpus": 8}}
"""All of the cluster."""
SLOW: dict[str, Any] = {"grace_period_s": 30.0}
"""It has longer to end than Slurm waits, so its runner is killed with it."""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def target(slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
    return target_of(slurm, workspace)


def submitted(target: SlurmTarget, text: str = READY, **changes: Any) -> RunDirectory:
    spec = {"target": target.name, "grace_period_s": 0.5, **changes}
    run = runs.make_run(target.workspace, text, **spec)
    jsonl.write_once(run.join(reconcile.HANDLE), runs.start(target, run), sync=False)
    return run


def wait_until_ready(run: RunDirectory) -> None:
    runs.wait_for(lambda: "ready" in runs.log_of(run))


def status(run: RunDirectory) -> Status:
    return events.read_state(run).status


def number(run: RunDirectory) -> str:
    job = jobs.read(run)
    assert job is not None
    return job.number


def ended(run: RunDirectory) -> events.State:
    """The end of a run whose runner writes none: by whoever looks."""

    def look() -> bool:
        reconcile.reconcile([run])
        return status(run).ended

    runs.wait_for(look, 60)
    return events.read_state(run)


def test_a_run_that_waits_says_where_and_why(target: SlurmTarget) -> None:
    wait_until_ready(submitted(target, **FULL))
    waiting = [submitted(target, **FULL) for _ in range(2)]
    runs.wait_for(lambda: all(place is not None and place.why for place in target.places(waiting)))
    assert [status(run) for run in waiting] == [Status.QUEUED] * 2
    first, second = target.places(waiting)
    assert first is not None
    assert second is not None
    assert (first.target, first.position, first.length) == ("hpc", 1, 2)
    assert (second.position, second.length) == (2, 2)
    runs.wait_for(lambda: "Resources" in str(target.places(waiting)[0]))
    assert str(target.places(waiting)[0]) == (
        "position 1 of 2 in the queue of hpc (Resources: its nodes are not free yet)"
    )
    assert targets.place(waiting[0]) == target.places(waiting)[0]


def test_a_run_that_waits_is_cancelled_at_once(target: SlurmTarget, slurm: SlurmCluster) -> None:
    submitted(target, **FULL)
    waiting = submitted(target, **FULL)
    target.cancel(reconcile.handle_of(waiting))
    state = events.read_state(waiting)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert state.detail["message"] == "Cancelled while it waited in Slurm's queue."
    assert slurm.state(number(waiting)) == "CANCELLED"
    target.cancel(reconcile.handle_of(waiting))


def test_a_run_that_an_administrator_cancels(target: SlurmTarget, slurm: SlurmCluster) -> None:
    submitted(target, **FULL)
    waiting = submitted(target, **FULL)
    slurm.ask("scancel", number(waiting))
    state = ended(waiting)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert state.detail["message"] == f"Slurm job {number(waiting)} was cancelled."


def test_the_accounting_says_who_cancelled_a_run(
    slurmdbd: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurmdbd, workspace)
    run = submitted(target, f"import signal; signal.signal(15, signal.SIG_IGN); {READY}", **SLOW)
    wait_until_ready(run)
    own = jobs.read(run)
    assert own is not None
    with slurmdbd.configured(MinJobAge="2"):
        slurmdbd.ask("scancel", own.number)
        os.kill(owner.signature(run.lock)["pid"], 9)
        runs.wait_for(lambda: queue.listed(target.slurm, [(own.number, own.name)]) == {}, 120)
        runs.wait_for(lambda: "CANCELLED" in str(queue.accounted(target.slurm, [own.number])))
    state = ended(run)
    assert state.reason is Reason.CANCELLED
    assert f"Slurm job {own.number} was cancelled by root on n" in state.detail["message"]


def test_many_runs_are_asked_for_with_one_call(
    target: SlurmTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [submitted(target, "pass") for _ in range(3)]
    for run in found:
        runs.finish(run)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("squeue", "sacct", "scontrol"):
        program = folder / name
        real = target.slurm.find(name)
        program.write_text(f'#!/bin/sh\necho {name} >>{tmp_path}/calls\nexec {real} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    handles = [reconcile.handle_of(run) for run in found for _ in range(70)]
    runs.wait_for(lambda: target.poll(handles) == [TargetState.GONE] * 210)
    calls = (tmp_path / "calls").read_text().split()
    assert set(calls) == {"squeue"}
    (tmp_path / "calls").unlink()
    monkeypatch.setattr(queue, "_KEPT_S", 600.0)
    queue.forget()
    target.poll(handles)
    target.poll(handles)
    assert (tmp_path / "calls").read_text().split() == ["squeue"]


def test_a_controller_that_does_not_answer_ends_nothing(
    target: SlurmTarget, slurm: SlurmCluster, recwarn: pytest.WarningsRecorder
) -> None:
    run = submitted(target)
    wait_until_ready(run)
    kill_runner(run)
    slurm.kill_controller()
    begun = time.monotonic()
    assert target.poll([reconcile.handle_of(run)]) == [TargetState.UNKNOWN]
    assert time.monotonic() - begun < 15  # squeue is given 8, once
    slurm.start_controller()
    assert ended(run).reason is Reason.RUNNER_LOST


def test_a_runner_that_cannot_start_says_why(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    target = target_of(slurm, workspace, python=str(tmp_path / "python"))
    state = ended(submitted(target))
    assert state.reason is Reason.LAUNCH_FAILED
    text = state.detail["error"]["message"]
    host = re.match(r"Slurm job \d+ failed on (n\d)", text)
    assert host
    assert text.endswith(
        " before the runner could start. Its output (system_logs/slurm.txt) ends with:\n"
        f"runyard: {host[1]}: {tmp_path}/python (the Python of runyard) is not seen on this node: "
        "put it on a file system that all nodes see"
    )
    assert state.detail["hint"] == "No runner has begun, so the script was not started."


def test_what_sbatch_refuses_is_the_end_of_the_submit(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace, partition="nowhere")
    run = runs.make_run(workspace, "pass", target="hpc")
    with pytest.raises(SlurmError) as caught:
        runs.start(target, run)
    assert "invalid partition specified: nowhere" in caught.value.message


def test_a_submitter_that_was_killed_behind_sbatch_loses_no_run(target: SlurmTarget) -> None:
    run = submitted(target)
    wait_until_ready(run)
    waiting = submitted(target, **FULL)
    for one in (run, waiting):
        os.unlink(jobs.path_of(one))
    handles = [reconcile.handle_of(one) for one in (run, waiting)]
    assert target.poll(handles) == [TargetState.ALIVE, TargetState.ALIVE]


def test_a_number_that_another_job_has_is_not_ours(
    target: SlurmTarget, slurm: SlurmCluster
) -> None:
    other = submitted(target)
    run = submitted(target, "pass")
    runs.finish(run)
    job = jobs.read(run)
    assert job is not None
    jobs.write(run, job._replace(number=number(other)))
    assert target.poll([reconcile.handle_of(run)]) == [TargetState.GONE]
    own = jobs.read(other)
    assert own is not None
    jobs.write(other, own._replace(submitted=own.submitted + 7200))
    runs.wait_for(lambda: status(other) is Status.RUNNING)
    assert target._known([other]) == [None]


def test_the_run_outlives_the_target(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    """One that was detached is still asked about the runs that went there."""
    run = submitted(target)
    wait_until_ready(run)
    os.unlink(workspace.compute_json("hpc"))
    assert computes.read(workspace, "hpc") is None
    loaded = targets.load_target("hpc", workspace, reconcile.handle_of(run))
    assert isinstance(loaded, SlurmTarget)


def test_memory_that_ran_out_is_told_by_the_jobs_output(
    target: SlurmTarget, slurm: SlurmCluster
) -> None:
    text = "import time; print('ready', flush=True); hog = b'x' * 600_000_000; time.sleep(600)"
    resources = {"cpus": 1, "memory_bytes": 200 * 2**20}
    run = submitted(target, text, resources=resources)
    state = ended(run)
    assert state.reason is Reason.OUT_OF_MEMORY
    assert state.reason.exit_code == 137
    assert state.detail["error"]["message"].startswith(
        f"Slurm job {number(run)} was ended because it used more memory than it had asked for, "
        "which was 200 MiB on each node; ask for more by a larger vm_size (runyard compute sizes)."
    )


def test_what_the_nodes_do_not_see_is_said_before_a_submit(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    """``shared_directory`` says what they see."""
    shared = tmp_path / "shared"
    shared.mkdir()
    record = {"name": "hpc", "type": "Slurm", "shared_directory": str(shared)}
    spec = SimpleNamespace(**runs.spec())
    spec.environment = SimpleNamespace(**spec.environment)
    found = SlurmTarget(workspace, record).check(spec)
    assert [problem.parameter for problem in found] == ["compute_target"] * 4
    assert found[0].message == (
        f"{workspace.path} (the workspace) is not in {shared}, its shared_directory, so the nodes "
        "do not see it; make one there: runyard init DIR"
    )
    assert [problem.message.partition(" (")[2].partition(")")[0] for problem in found[1:]] == [
        "the Python of runyard",
        "runyard itself",
        "the interpreter of the run",
    ]
    spec.environment.kind = "venv"
    record = {**record, "python": "/opt/python"}
    found = SlurmTarget(workspace, record).check(spec)
    assert "set RUNYARD_CACHE_DIR to a folder there" in found[1].message
    inside = shared / "venv" / "bin" / "python"
    inside.parent.mkdir(parents=True)
    inside.symlink_to(sys.executable)
    spec.environment = SimpleNamespace(kind="user_managed", interpreter=str(inside))
    assert "the interpreter" not in str(SlurmTarget(workspace, record).check(spec))
    record = {**record, "shared_directory": "/"}
    assert SlurmTarget(workspace, record).check(spec) == []


def test_another_cluster_does_not_end_what_it_does_not_know(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace)
    run = submitted(target, "pass")
    runs.finish(run)
    job = jobs.read(run)
    assert job is not None
    jobs.write(run, job._replace(number="999999"))
    handle = reconcile.handle_of(run)
    assert target.poll([handle]) == [TargetState.GONE]
    elsewhere = SlurmTarget(workspace, {**target.record, "cluster_name": "other"})
    assert elsewhere.poll([handle]) == [TargetState.UNKNOWN]
    same = SlurmTarget(workspace, {**target.record, "cluster_name": "tests"})
    assert same.poll([handle]) == [TargetState.GONE]


def test_a_job_that_has_the_number_by_now_is_left_alone(
    target: SlurmTarget, slurm: SlurmCluster
) -> None:
    submitted(target, **FULL)
    other = submitted(target, **FULL)
    run = runs.make_run(target.workspace, "pass", target="hpc")
    own = jobs.read(other)
    assert own is not None
    os.makedirs(run.launch, exist_ok=True)
    jobs.write(run, own._replace(name="exp_another"))
    target.cancel({"run": run.path})
    target.reap(run)
    assert slurm.state(own.number) == "PENDING"


def test_a_submitter_that_died_before_sbatch(target: SlurmTarget) -> None:
    run = runs.make_run(target.workspace, "pass", target="hpc")
    ownership = owner.take(run.lock)
    assert ownership is not None
    signed = {**owner.identity(), "run": run.path, jobs.SIGNED: jobs.name_of(run)}
    owner.sign(ownership, signed)
    ownership.release()
    state = ended(run)
    assert (state.reason, state.detail["message"]) == (
        Reason.LAUNCH_FAILED,
        "The process that submitted this run ended before Slurm had it.",
    )
    elsewhere = runs.make_run(target.workspace, "pass", target="hpc")
    ownership = owner.take(elsewhere.lock)
    assert ownership is not None
    owner.sign(ownership, {**signed, "run": elsewhere.path, "host": "login2"})
    ownership.release()
    assert target.poll([{"run": elsewhere.path}]) == [TargetState.UNKNOWN]


def test_a_controller_that_is_away_does_not_keep_a_run_from_its_cancel(
    target: SlurmTarget, slurm: SlurmCluster
) -> None:
    run = submitted(target)
    wait_until_ready(run)
    slurm.kill_controller()
    target.cancel(reconcile.handle_of(run))
    assert runs.finish(run).reason is Reason.CANCELLED
