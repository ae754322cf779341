"""How runs on a real Slurm end, and who says so: each end has its own reason."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

from runyard.computes.slurm import jobs
from runyard.history.reconcile import reconcile_run
from runyard.record import events, owner, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster

TOLD = """
import signal, sys, time
def told(number, frame):
    print("told to end", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
print("begun", flush=True)
time.sleep(600)
"""
"""A script that saves its state when it is told to end."""


def test_a_run_that_waits_is_cancelled_at_once(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace, sbatch_options={"hold": True})
    run = runs.make_run(workspace, TOLD, target="hpc")
    handle = runs.start(target, run)

    target.cancel(handle)

    state = events.read_state(run)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert slurm.state(_job(run)) == "CANCELLED"


def test_a_run_is_cancelled_and_its_script_told(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace)
    run = _begun(slurm, workspace)

    target.cancel({"run": run.path})

    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert "told to end" in runs.log_of(run)


def test_its_own_limit_ends_a_run_and_its_script_is_told(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = _begun(slurm, workspace, max_run_duration_s=10.0, grace_period_s=20.0)

    state = runs.finish(run, timeout_s=60.0)

    assert state.reason is Reason.TIME_LIMIT
    message = state.detail["error"]["message"]
    assert re.fullmatch(r"the run was ended at its time limit after [12]\d s", message), message
    assert "told to end" in runs.log_of(run)
    assert _field(slurm, run, "TimeLimit") == "00:04:00"  # 10 s, the grace, and time to tidy up


def test_before_the_limit_of_a_partition_the_script_is_told(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = _begun(slurm, workspace, partition="short")

    state = runs.finish(run, timeout_s=120.0)

    assert state.reason is Reason.TIME_LIMIT
    assert state.detail["error"]["message"] == (
        "the run was ended shortly before the time limit of its job, which is the target's"
    )
    assert "told to end" in runs.log_of(run)
    assert state.ended is not None
    assert state.started is not None
    assert state.ended - state.started > 30.0  # not at the first warning, which comes at once


def test_a_limit_that_an_admin_sets_meanwhile_counts(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = _begun(slurm, workspace)

    slurm.ask("scontrol", "update", f"jobid={_job(run)}", "timelimit=1")

    assert runs.finish(run, timeout_s=120.0).reason is Reason.TIME_LIMIT


def test_scancel_by_hand_is_a_cancel_and_said(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = _begun(slurm, workspace)

    slurm.ask("scancel", _job(run))

    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert state.detail["message"] == f"Slurm job {_job(run)} was cancelled in Slurm (scancel)"


def test_scancel_by_hand_is_a_cancel_also_where_the_script_is_told_first(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    """It has saved and ended well before its runner hears of it."""
    run = _begun(slurm, workspace)
    pid = script.read(run).pid
    assert pid is not None

    with slurm.stopped(owner.signature(run.lock)["host"]):  # nobody there tells anybody
        slurm.ask("scancel", _job(run))
        os.kill(pid, signal.SIGTERM)
        state = runs.finish(run)

    assert "told to end" in runs.log_of(run)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert state.detail["message"] == f"Slurm job {_job(run)} was cancelled in Slurm (scancel)"


def test_a_node_that_fails_is_said_within_a_minute(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target_of(slurm, workspace)
    run = _begun(slurm, workspace)
    job, node = _job(run), _field(slurm, run, "NodeList")
    killed = time.monotonic()

    slurm.kill_node(node)

    assert events.read_state(run).status is Status.RUNNING
    slurm.wait_until(lambda: reconcile_run(run) and _ended(run), "the run has ended", 60.0)
    state = events.read_state(run)
    assert time.monotonic() - killed < 60.0
    assert state.reason is Reason.NODE_LOST
    text = f"Slurm job {job} was ended because a node failed on {node}."
    assert state.detail["message"].startswith(text)


def test_memory_that_slurm_counts_is_named(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = _begun(
        slurm,
        workspace,
        "import time; kept = bytearray(300 << 20); time.sleep(60)",
        resources={"cpus": 1, "memory_bytes": 100 << 20, "gpus": 0},
    )

    slurm.wait_until(lambda: reconcile_run(run) and _ended(run), "the run has ended", 60.0)

    assert events.read_state(run).reason is Reason.OUT_OF_MEMORY


def _begun(
    slurm: SlurmCluster,
    workspace: WorkspaceDirectory,
    text: str = TOLD,
    partition: str | None = None,
    **changes: Any,
) -> RunDirectory:
    """A run whose script runs."""
    target = target_of(slurm, workspace, partition=partition)
    run = runs.make_run(workspace, text, target="hpc", **changes)
    runs.start(target, run)
    slurm.wait_until(lambda: events.read_state(run).started is not None, "the run runs")
    if text == TOLD:
        slurm.wait_until(lambda: "begun" in runs.log_of(run), "the script has begun")
    return run


def _ended(run: RunDirectory) -> bool:
    return events.read_state(run).status.ended


def _job(run: RunDirectory) -> str:
    job = jobs.read(run)
    assert job is not None
    return job.number


def _field(slurm: SlurmCluster, run: RunDirectory, name: str) -> str:
    fields = slurm.ask("scontrol", "show", "job", "-o", _job(run)).split()
    return next(field for field in fields if field.startswith(f"{name}=")).partition("=")[2]
