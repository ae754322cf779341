"""Runs whose submitter, runner or cluster is another than one would think: none of them lies."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runyard.computes.slurm import jobs, lookup, nodes, queue
from runyard.computes.slurm.commands import Slurm
from runyard.computes.slurm.interrupted import Interruption
from runyard.computes.slurm.target import SlurmTarget
from runyard.history import reconcile, targets
from runyard.history.targets import TargetState
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.runner import attempts, ending, finishing, workfolder
from runyard.testing import runs
from tests.computes.slurm.targets import kill_job, target_of
from tests.slurm_cluster import SlurmCluster

HELD: dict[str, Any] = {"sbatch_options": {"hold": True}}


def submitted(target: SlurmTarget, text: str = "pass", **changes: Any) -> RunDirectory:
    run = runs.make_run(target.workspace, text, target="hpc", **changes)
    jsonl.write_once(run.join(reconcile.HANDLE), runs.start(target, run), sync=False)
    return run


def status(run: RunDirectory) -> Status:
    return events.read_state(run).status


def test_an_old_answer_of_squeue_queues_no_run_again_that_has_ended(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_KEPT_S", 600.0)
    target = target_of(slurm, workspace, **HELD)
    run = submitted(target)
    handle = reconcile.handle_of(run)
    assert target.poll([handle]) == [TargetState.ALIVE]
    job = jobs.read(run)
    assert job is not None
    slurm.ask("scontrol", "release", job.number)
    runs.finish(run)

    assert target.poll([handle]) == [TargetState.ALIVE]  # as it was asked before

    assert jsonl.read(run.events)[-1]["status"] == "Completed"


def test_an_old_answer_of_squeue_ends_no_run_whose_job_was_given_the_number_of_another(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slurmctld that reads its configuration anew may give a number again that it has purged."""
    monkeypatch.setattr(queue, "_KEPT_S", 600.0)
    target = target_of(slurm, workspace, **HELD)
    purged = submitted(target)
    job = jobs.read(purged)
    assert job is not None
    following = str(int(job.number) + 1)
    jobs.write(purged, job._replace(number=following))
    assert target.poll([reconcile.handle_of(purged)]) == [TargetState.GONE]

    run = submitted(target)

    job = jobs.read(run)
    assert job is not None
    assert job.number == following
    assert target.poll([reconcile.handle_of(run)]) == [TargetState.ALIVE]
    assert target.poll([reconcile.handle_of(purged)]) == [TargetState.GONE]


def test_filters_of_a_user_hide_no_job(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"SQUEUE_PARTITION": "low", "SQUEUE_USERS": "nobody", "SCANCEL_STATE": "RUNNING"}
    for name, value in {**given, "SBATCH_WAIT": "1", "SBATCH_ARRAY_INX": "0-3"}.items():
        monkeypatch.setenv(name, value)
    target = target_of(slurm, workspace, **HELD)
    run = submitted(target)
    assert target.poll([reconcile.handle_of(run)]) == [TargetState.ALIVE]
    target.cancel(reconcile.handle_of(run))
    assert status(run) is Status.CANCELED


def test_a_name_that_leads_to_another_cluster_by_now_ends_no_run(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    """The run went to the one that had the name before."""
    old = target_of(slurm, workspace)
    old = SlurmTarget(workspace, {**old.record, "cluster_name": "before"})
    run = submitted(old)
    runs.finish(run)
    job = jobs.read(run)
    assert job is not None
    jobs.write(run, job._replace(number="999999"))
    new = SlurmTarget(workspace, {**old.record, "cluster_name": "tests"})
    handle = reconcile.handle_of(run)
    assert new.poll([handle]) == [TargetState.UNKNOWN]
    assert new.poll([{**handle, "cluster_name": "tests"}]) == [TargetState.GONE]

    os.unlink(workspace.compute_json("hpc"))
    detached = targets.load_target("hpc", workspace, handle)
    assert isinstance(detached, SlurmTarget)
    assert detached.slurm == Slurm(str(slurm.conf))
    assert detached.poll([handle]) == [TargetState.UNKNOWN]


def test_a_cluster_that_does_not_say_its_name_is_asked_again(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    nowhere = Slurm(str(tmp_path / "slurm.conf"))
    assert nodes.cluster_name(nowhere) == ""
    (tmp_path / "slurm.conf").symlink_to(slurm.conf)
    assert nodes.cluster_name(nowhere) == "tests"


def test_a_run_that_a_run_submits_is_not_taken_for_a_part_of_it(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_RUN_DIRECTORY", "/another/run")
    run = submitted(target_of(slurm, workspace), "import time; print('ready'); time.sleep(600)")
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    runner = owner.signature(run.lock)["pid"]
    variables = Path(f"/proc/{runner}/environ").read_text().split("\0")
    own = [one for one in variables if one.startswith(("RUNYARD_RUN_DIR", "SLURM_TIME_FORMAT"))]
    assert own == [f"RUNYARD_RUN_DIRECTORY={run.path}"]


def test_a_job_whose_number_nobody_wrote_is_cancelled_and_written(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    """Who submitted it was killed behind sbatch."""
    target = target_of(slurm, workspace, **HELD)
    seen, unseen = submitted(target), submitted(target)
    before = jobs.read(seen)
    for run in (seen, unseen):
        os.unlink(jobs.path_of(run))
        os.unlink(run.join(reconcile.HANDLE))

    assert target.poll([reconcile.handle_of(seen)]) == [TargetState.ALIVE]
    after = jobs.read(seen)
    assert before is not None
    assert after is not None
    assert after[:3] == before[:3]
    target.cancel(reconcile.handle_of(unseen))
    assert status(unseen) is Status.CANCELED
    for run in (seen, unseen):  # and nothing is left of them
        target.reap(run)
    slurm.wait_until(lambda: slurm.ask("squeue", "--noheader") == "", "no job waits")


def test_a_run_whose_job_is_suspended_is_cancelled(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace)
    run = submitted(target, "import time; print('ready', flush=True); time.sleep(600)")
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    job = jobs.read(run)
    assert job is not None
    slurm.ask("scontrol", "suspend", job.number)
    slurm.wait_until(lambda: slurm.state(job.number) == "SUSPENDED", "it is suspended")

    target.cancel(reconcile.handle_of(run))

    def is_cancelled() -> bool:
        reconcile.reconcile([run])
        return status(run) is Status.CANCELED

    slurm.wait_until(is_cancelled, "it has ended")


def test_the_runner_writes_the_number_that_nobody_wrote(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm, workspace, **HELD)
    run = submitted(target, "import time; print('ready', flush=True); time.sleep(600)")
    before = jobs.read(run)
    assert before is not None
    os.unlink(jobs.path_of(run))
    slurm.ask("scontrol", "release", before.number)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    assert jobs.read(run) == before._replace(submitted=0.0)
    kill_job(run)

    def is_told() -> bool:
        reconcile.reconcile([run])
        return status(run).ended

    runs.wait_for(is_told)
    assert f"Slurm job {before.number} failed" in str(events.read_state(run).detail)


def test_jobs_that_a_site_hides_are_not_gone(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.make_run(workspace, "pass")
    owner.take(run.lock).release()  # type: ignore[union-attr]
    job = jobs.Job("1", "", "a", 0.0, 1000)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: 1001)
    assert lookup.is_hidden(run, job)
    assert lookup.is_hidden(run, job._replace(uid=0))
    assert lookup.is_hidden(run, None) == (mine != 1001)
    assert not lookup.is_hidden(run, job._replace(uid=1001))
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert not lookup.is_hidden(run, job)


def test_many_jobs_are_asked_for_by_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer about all jobs could be older than the youngest of them."""
    squeue = tmp_path / "squeue"
    squeue.write_text(f'#!/bin/sh\necho "$3" >>{tmp_path}/calls\n')
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    queue.forget()
    queue.listed(Slurm(), [(str(number), "a") for number in range(12_000)])
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.count(",") for call in calls] == [4_999, 4_999, 1_999]


@pytest.mark.parametrize(
    ("detail", "terminated", "stands"),
    [
        ({"exit_code": 3}, False, True),
        ({"exit_code": 139, "signal": "SIGSEGV"}, False, True),
        ({"exit_code": 137, "signal": "SIGKILL"}, False, False),
        ({"exit_code": 143}, True, False),
        ({"exit_code": 3, "exit_codes": [3, 143]}, False, True),
        ({"exit_code": 1, "exit_codes": [1, None]}, False, False),
        ({"exit_code": 1, "exit_codes": [1, 137]}, False, False),
        ({}, False, False),
    ],
)
def test_a_script_ends_itself_in_a_job_that_slurmctld_takes_for_waiting(
    workspace: WorkspaceDirectory, detail: dict[str, Any], terminated: bool, stands: bool
) -> None:
    """Such a job is ended by SIGKILL; with any other end the script is not to begin once more."""
    run = runs.make_run(workspace, "pass")
    told = Interruption(None, "queued again", forgotten=True)
    supervisor = cast(Any, SimpleNamespace(terminated=terminated, told_to_end=lambda: told))
    log = events.EventLog(run)
    own = ending.End(Reason.SCRIPT_EXIT_CODE, **detail)
    end = finishing.told(supervisor, log, own)
    log.close()
    assert end is (own if stands else None)
    assert status(run) is (Status.NOT_STARTED if stands else Status.QUEUED)


@pytest.mark.parametrize(
    ("terminated", "reason", "told", "ends"),
    [
        (True, Reason.PREEMPTED, Interruption(None, "queued again"), None),
        (True, Reason.PREEMPTED, Interruption(Reason.CANCELLED, "by hand"), Reason.CANCELLED),
        (True, Reason.PREEMPTED, None, Reason.PREEMPTED),
        (False, Reason.DATA_FAILED, Interruption(Reason.NODE_LOST, "lost"), Reason.NODE_LOST),
        (False, Reason.CANCELLED, Interruption(None, "not asked"), Reason.CANCELLED),
        (True, Reason.PREEMPTED, Interruption(Reason.RUNNER_LOST, "failed"), Reason.RUNNER_LOST),
        (False, Reason.SIGNAL, Interruption(Reason.RUNNER_LOST, "failed"), Reason.SIGNAL),
        (False, Reason.COMPLETED, Interruption(Reason.CANCELLED, "by hand"), Reason.CANCELLED),
        (False, Reason.COMPLETED, Interruption(None, "queued again"), None),
        (False, Reason.COMPLETED, Interruption(Reason.NODE_LOST, "lost"), Reason.COMPLETED),
        (False, Reason.COMPLETED, Interruption(Reason.RUNNER_LOST, "failed"), Reason.COMPLETED),
        (False, Reason.COMPLETED, None, Reason.COMPLETED),
        (False, Reason.COMPLETED, Interruption(None, "", in_grace=True), Reason.COMPLETED),
    ],
)
def test_an_end_beside_what_slurm_says_of_its_job(
    workspace: WorkspaceDirectory,
    terminated: bool,
    reason: Reason,
    told: Interruption | None,
    ends: Reason | None,
) -> None:
    run = runs.make_run(workspace, "pass")
    supervisor = cast(Any, SimpleNamespace(terminated=terminated, told_to_end=lambda: told))
    log = events.EventLog(run)
    end = finishing.told(supervisor, log, ending.End(reason))
    log.close()
    assert (end and end.reason) == ends
    assert status(run) is (Status.QUEUED if ends is None else Status.NOT_STARTED)


def test_an_attempt_that_was_lost_before_its_script_ran_covers_no_other(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, "pass")
    log = events.EventLog(run)
    log.status(Status.RUNNING)
    found = []
    for text in ("first", "lost", "lost too"):
        Path(run.std_log).write_text(text)
        os.makedirs(run.ranks)
        Path(run.ranks, "0.jsonl").touch()
        attempts.begin(run, log)
        found = sorted(Path(run.join("user_logs")).rglob("std_log.txt"))
    log.close()
    assert [(path.parent.name, path.read_text()) for path in found] == [
        ("attempt_0", "first"),
        ("attempt_0.1", "lost"),
        ("attempt_0.2", "lost too"),
    ]
    assert sorted(os.listdir(run.launch)) == ["attempt_0", "attempt_0.1", "attempt_0.2"]


def test_a_job_that_lost_its_nodes_before_its_script_began_makes_the_folder_again(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, "print('whole')")
    record = jsonl.read_json(run.run_json)
    os.mkdir(run.work)
    with pytest.raises(FileExistsError):
        workfolder.prepare(run, record)
    workfolder.prepare(run, {**record, "spec": {**record["spec"], "attempt": 0}})
    assert Path(run.work, "train.py").read_text() == "print('whole')"
    assert os.path.isdir(run.outputs)
