"""Preemption on a real Slurm: the run waits again, and goes on where it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runyard.config.references import RESUME
from runyard.history.reconcile import reconcile_run
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster

SCRIPT = """
import os, signal, sys, time
def told(number, frame):
    open("outputs/told", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
place = os.environ.get("AZUREML_DATAREFERENCE_MODEL_LOCATION", "")
found = sorted(os.listdir(place)) if place else sorted(os.listdir("outputs"))
print("attempt", os.environ["RUNYARD_RESTART_COUNT"], "found", *found, flush=True)
print("own", *sorted(os.listdir(".")), flush=True)
open("outputs/checkpoint", "w").close()
open("scratch.txt", "w").close()
if os.environ["RUNYARD_RESTART_COUNT"] == "0":
    time.sleep(600)
"""

STUBBORN = SCRIPT.replace(
    "signal.signal(signal.SIGTERM, told)", "signal.signal(15, signal.SIG_IGN)"
)
"""It is killed with its runner, KillWait after it was told."""


@pytest.mark.parametrize("script", [SCRIPT, STUBBORN], ids=["it ends", "it is killed"])
def test_a_preempted_run_waits_again_and_finds_what_it_left(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path, script: str
) -> None:
    run = _begun(slurm, workspace, script, grace_period_s=30.0)

    with _all_nodes(slurm, tmp_path):
        slurm.wait_until(lambda: _seen(run) is Status.QUEUED, "it waits again")
    state = runs.finish(run, 60.0)

    assert state.reason is Reason.COMPLETED
    told = [event["status"] for event in state.events]
    assert [name for name in told if name in ("Queued", "Running", "Completed")] == [
        *("Queued", "Running", "Queued", "Running", "Completed")
    ]
    first = Path(run.join("user_logs", "attempt_0", "std_log.txt")).read_text().splitlines()
    assert first == ["attempt 0 found", "own logs outputs train.py"]
    left = ["checkpoint", "told"] if script is SCRIPT else ["checkpoint"]
    assert runs.log_of(run).splitlines() == [
        f"attempt 1 found {' '.join(left)}",
        "own logs outputs scratch.txt train.py",
    ]


def test_resume_from_leads_to_what_the_run_left_itself(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "of another run").touch()
    reference = {
        "name": RESUME,
        "datastore": "workspaceblobstore",
        "path": "before",
        "source": str(before),
        "mode": "mount",
        "overwrite": False,
        "path_on_compute": None,
    }
    run = _begun(slurm, workspace, SCRIPT, data=[reference])

    with _all_nodes(slurm, tmp_path):
        pass
    runs.finish(run, 60.0)

    first = Path(run.join("user_logs", "attempt_0", "std_log.txt")).read_text()
    assert "attempt 0 found of another run\n" in first
    assert "attempt 1 found checkpoint told\n" in runs.log_of(run)


def test_without_requeue_a_preempted_run_has_ended_and_says_so(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = _begun(slurm, workspace, SCRIPT, "low", vm_priority="dedicated")

    with _all_nodes(slurm, tmp_path):
        pass

    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.PREEMPTED)
    assert state.detail["error"]["message"].endswith("was preempted by another job")
    assert state.detail["hint"] == "The target took the resources back. Submit the run again."


RANKS: dict[str, Any] = {
    "processes_per_node": 2,
    "launcher": "pytorch",
    "distribution": {"process_count": 2, "backend": "gloo"},
    "grace_period_s": 30.0,
}
DIES = SCRIPT.replace("signal.signal(signal.SIGTERM, told)", "")


@pytest.mark.parametrize("script", [SCRIPT, DIES], ids=["they save", "they die"])
def test_ranks_that_are_told_in_the_grace_time_of_a_partition_wait_again_at_once(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path, script: str
) -> None:
    """Slurm tells no more than steps then, and the job is over for it where it just ends."""
    with _grace_time(slurm, 100):
        run = _begun(slurm, workspace, script, **RANKS)
        with _all_nodes(slurm, tmp_path):
            slurm.wait_until(lambda: _seen(run) is Status.QUEUED, "it waits again", 30.0)
        state = runs.finish(run, 60.0)

    assert state.reason is Reason.COMPLETED, state.detail
    assert [event["status"] for event in state.events].count("Running") == 2
    for rank in range(2):
        assert "attempt 1 found checkpoint" in Path(run.rank_log(rank)).read_text()


def test_ranks_that_are_told_in_the_grace_time_without_requeue_say_so(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    with _grace_time(slurm, 100):
        run = _begun(slurm, workspace, SCRIPT, "low", vm_priority="dedicated", **RANKS)
        with _all_nodes(slurm, tmp_path):
            state = runs.finish(run)

    assert (state.status, state.reason) == (Status.FAILED, Reason.PREEMPTED)
    assert state.detail["error"]["message"].endswith("was preempted by another job")


@contextmanager
def _grace_time(slurm: SlurmCluster, seconds: int) -> Iterator[None]:
    """How long jobs of the low partition may run on when others take their nodes."""
    update = ("scontrol", "update", "PartitionName=low")
    slurm.ask(*update, f"GraceTime={seconds}")
    try:
        yield
    finally:
        slurm.ask(*update, "GraceTime=0")


def test_a_cancel_of_a_preempted_run_that_waits_ends_it(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = _begun(slurm, workspace, SCRIPT)
    with _all_nodes(slurm, tmp_path):
        slurm.wait_until(lambda: _seen(run) is Status.QUEUED, "it waits again")

        target_of(slurm, workspace, lowpriority_partition="low").cancel({"run": run.path})

        # It does not wait for nodes to end.
        slurm.wait_until(lambda: _seen(run) is Status.CANCELED, "it has ended")
    assert events.read_state(run).reason is Reason.CANCELLED


def _begun(
    slurm: SlurmCluster,
    workspace: WorkspaceDirectory,
    script: str,
    partition: str | None = None,
    **changes: Any,
) -> RunDirectory:
    """A run that others may take the nodes from, and whose script has written a checkpoint."""
    target = target_of(slurm, workspace, partition=partition, lowpriority_partition="low")
    run = runs.make_run(
        workspace, script, **{"target": "hpc", "vm_priority": "lowpriority", **changes}
    )
    runs.start(target, run)
    mark = os.path.join(run.work, "scratch.txt")
    slurm.wait_until(lambda: os.path.exists(mark), "the script has written")
    return run


@contextmanager
def _all_nodes(slurm: SlurmCluster, folder: Path) -> Iterator[None]:
    """Another job, which goes before, has all nodes until the end of the block."""
    begun, done = folder / "begun", folder / "done"
    waits = f"touch {begun}; until [ -e {done} ]; do sleep 0.1; done"
    taking = subprocess.Popen(
        ["srun", "-N3", "--exclusive", "sh", "-c", waits],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **slurm.environment},
    )
    try:
        slurm.wait_until(begun.exists, "the other job has the nodes")
        yield
    finally:
        done.touch()
        assert taking.wait(60) == 0


def _seen(run: RunDirectory) -> Status:
    """The status as somebody who looks at the workspace sees it."""
    reconcile_run(run)
    return events.read_state(run).status
