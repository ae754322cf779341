"""Runners killed in a job of a real Slurm: its batch script starts another one, which goes on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.slurm import interrupted, jobs
from runyard.computes.slurm.target import SlurmTarget
from runyard.history.reconcile import reconcile_run
from runyard.history.targets import TargetState
from runyard.record import adoptions, events, jsonl, owner, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.runner import attempts, taking
from runyard.testing import runs
from tests.computes.slurm import test_many_nodes as many_nodes
from tests.computes.slurm import test_mpi_ends as mpi
from tests.computes.slurm.targets import kill_job, target_of
from tests.mpi_environments import RUNTIMES
from tests.slurm_cluster import SlurmCluster

GATED = """
import os, signal, sys, time
rank = int(os.environ.get("RANK", os.environ.get("RUNYARD_RANK", "0")))
def told(*_):
    print("told", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
print("ready", os.environ.get("RUNYARD_RESTART_COUNT"), flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
"""


@pytest.fixture
def target(slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
    return target_of(slurm, workspace)


def begun(target: SlurmTarget, text: str = GATED, **changes: Any) -> RunDirectory:
    """A run of one process that waits for the file ``go``."""
    run = runs.make_run(target.workspace, text, target="hpc", **changes)
    runs.start(target, run)
    runs.wait_for(lambda: "ready" in runs.log_of(run), 60)
    return running(run)


def running(run: RunDirectory) -> RunDirectory:
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING, 60)
    return run


def runner_of(run: RunDirectory) -> int:
    return int(owner.signature(run.lock)["pid"])


def kill_runner(run: RunDirectory) -> int:
    """Kill the runner; the pid of the one that follows it, once that has begun."""
    pid, count = runner_of(run), adoptions.count(run)
    os.kill(pid, signal.SIGKILL)
    runs.wait_for(lambda: adoptions.count(run) > count, 30)
    assert runner_of(run) != pid
    return runner_of(run)


def lose(run: RunDirectory) -> None:
    """Kill the runner, its witness and the script: no exit code is recorded."""
    runs.wait_for(lambda: script.read(run).pid is not None)
    found = script.read(run)
    os.kill(runner_of(run), signal.SIGSTOP)  # it would see the others die
    for pid in (found.witness["pid"], found.pid, runner_of(run)):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


def go(run: RunDirectory) -> None:
    Path(run.work, "go").touch()


def nothing_is_left(run: RunDirectory) -> None:
    runs.wait_for(lambda: processes.of_run(run.path) == [], 15)


def statuses(run: RunDirectory) -> list[str]:
    return [event["status"] for event in events.read_state(run).events]


def job_of(run: RunDirectory) -> str:
    job = jobs.read(run)
    assert job is not None
    return job.number


@pytest.mark.parametrize(
    ("then", "reason", "detail"),
    [
        ("", Reason.COMPLETED, {"exit_code": 0}),
        ("sys.exit(3)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 3}),
        ("os.kill(os.getpid(), 9)", Reason.SIGNAL, {"signal": "SIGKILL"}),
    ],
)
def test_the_run_ends_as_its_script_does(
    slurm: SlurmCluster, target: SlurmTarget, then: str, reason: Reason, detail: dict[str, Any]
) -> None:
    run = begun(target, GATED + then)

    for _ in range(2):
        kill_runner(run)
        assert target.poll([{"run": run.path}])[0].name == "ALIVE"
    go(run)

    state = runs.finish(run, 30)
    assert state.reason is reason
    assert state.detail["adopted"] == 2
    assert {**state.detail, **detail} == state.detail
    assert statuses(run)[:3] == ["Queued", "Running", "Finalizing"]
    assert Path(run.slurm_log).read_text().count(" was killed: exit code 137\n") == 2
    nothing_is_left(run)
    slurm.wait_until(lambda: slurm.state(job_of(run)) == "COMPLETED", "its job has ended well")


def test_it_is_cancelled_as_before(target: SlurmTarget) -> None:
    run = begun(target, grace_period_s=20.0)
    kill_runner(run)
    target.cancel({"run": run.path})
    assert runs.finish(run, 30).reason is Reason.CANCELLED
    assert runs.log_of(run) == "ready 0\ntold\n"
    nothing_is_left(run)


def test_slurm_tells_the_runner_that_followed(slurm: SlurmCluster, target: SlurmTarget) -> None:
    run = begun(target, grace_period_s=20.0)
    kill_runner(run)
    slurm.ask("scancel", job_of(run))
    state = runs.finish(run, 30)
    assert state.reason is Reason.CANCELLED
    assert state.detail["message"] == f"Slurm job {job_of(run)} was cancelled in Slurm (scancel)"
    nothing_is_left(run)


def test_a_job_whose_shell_was_killed_is_not_cancelled(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    """Slurm takes it for failed. It kills what it finds of it: here that is nothing."""
    run = begun(target, GATED + "sys.exit(3)")
    job = job_of(run)
    os.kill(parent_of(runner_of(run)), signal.SIGKILL)
    slurm.wait_until(lambda: slurm.state(job) == "FAILED", "its job has failed", 30)
    assert target.poll([{"run": run.path}])[0] is TargetState.GONE
    assert reconcile_run(run)
    assert events.read_state(run).status is Status.RUNNING
    go(run)
    state = runs.finish(run, 30)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 3), state.detail
    nothing_is_left(run)


def test_a_job_whose_shell_was_killed_is_lost_where_slurm_kills_all_of_it(
    slurm_of_cgroups: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = begun(target_of(slurm_of_cgroups, workspace))
    os.kill(parent_of(runner_of(run)), signal.SIGKILL)

    def is_told() -> bool:
        reconcile_run(run)
        return events.read_state(run).status.ended

    slurm_of_cgroups.wait_until(is_told, "it is told", 30)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST, state.detail
    assert state.detail["message"].startswith(
        f"Slurm job {job_of(run)} failed on n1, and the runner has not written how the run ended."
    )
    nothing_is_left(run)


def test_why_a_job_has_failed() -> None:
    said = "JobId=7 JobState=FAILED Reason=JobLaunchFailure Restarts=0 Partition=normal"
    told = interrupted.of_job(interrupted.parsed(said), 0)
    assert told is not None
    assert told.reason is Reason.RUNNER_LOST
    assert told.message.endswith(
        "failed (JobLaunchFailure): its batch script was killed, which starts its runners"
    )


def test_a_job_that_slurmctld_did_not_keep_as_begun_waits_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was killed at that moment: the node ends the job, and it is queued as it was before."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    said = "JobId=7 JobState=PENDING Reason=None Restarts=0 Partition=normal"
    told = interrupted.of_job(interrupted.parsed(said), 0)
    assert told is not None
    assert told.reason is None
    assert told.forgotten
    assert told.message == (
        "Slurm job 7 was queued again: slurmctld was killed, and had not kept that it had begun"
    )


@pytest.mark.parametrize("given_back", [True, False])
def test_a_run_that_was_given_back_is_one_more_attempt(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch, given_back: bool
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    run = runs.make_run(workspace, "print('once more')", target="hpc")
    log = events.EventLog(run)
    for status in (Status.QUEUED, Status.RUNNING, *([Status.QUEUED] if given_back else [])):
        log.status(status)
    os.makedirs(os.path.join(run.launch, "told-0"))
    ownership = owner.take(run.lock)
    assert ownership is not None
    owner.sign(ownership, taking.identity())
    assert taking.words_of(run, ["take"]) == (["take"] if given_back else ["take", "again"])
    with monkeypatch.context() as other:  # which nobody has given it to
        other.setenv("SLURM_JOB_ID", "8")
        assert taking.words_of(run, ["take"]) == ["take", "again"]
    if given_back:
        assert attempts.begin(run, log) == 1
        assert os.listdir(run.launch) == ["attempt_0"]
    ownership.release()


def test_its_time_limit_counts_from_its_start(target: SlurmTarget) -> None:
    run = begun(target, max_run_duration_s=60.0)
    record = Path(script.path_of(run))
    lines = jsonl.read(str(record))
    lines[0]["up"] -= 60.0  # of these only the first runner knows that they were none
    record.write_bytes(b"".join(map(jsonl.encode, lines)))
    kill_runner(run)
    assert runs.finish(run, 30).reason is Reason.TIME_LIMIT
    nothing_is_left(run)


def test_with_its_witness_and_script_killed_too_it_says_so(target: SlurmTarget) -> None:
    run = begun(target)
    lose(run)
    state = runs.finish(run, 30)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"] == (
        "The runner of this run was killed, and another one could not go on with it. The exit "
        "code of the script was not recorded: its witness was killed as well."
    )
    nothing_is_left(run)


def test_with_max_restarts_it_is_started_again_in_the_same_job(target: SlurmTarget) -> None:
    run = begun(target, max_restarts=1)
    lose(run)
    runs.wait_for(lambda: runs.log_of(run) == "ready 1\n", 30)
    lose(running(run))
    state = runs.finish(run, 30)
    assert state.reason is Reason.RUNNER_LOST
    assert statuses(run).count("Running") == 2


def test_with_max_restarts_its_job_is_queued_again_when_it_loses_its_nodes(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    run = begun(target, max_restarts=1)
    fail_node_of(slurm, run)
    # A busy machine may answer too late for Slurm, which then asks again.
    runs.wait_for(lambda: runs.log_of(run) == "ready 1\n", 150)
    running(run)
    fail_node_of(slurm, run)

    def is_told() -> bool:
        reconcile_run(run)
        return events.read_state(run).status.ended

    runs.wait_for(is_told, 60)
    state = events.read_state(run)
    assert state.reason is Reason.NODE_LOST, state.detail
    assert statuses(run).count("Running") == 2
    assert statuses(run)[:4] == ["Queued", "Running", "Queued", "Running"]
    first = Path(run.join("user_logs", "attempt_0", "std_log.txt")).read_text()
    assert first.startswith("ready 0\n")


def fail_node_of(slurm: SlurmCluster, run: RunDirectory) -> None:
    """Slurm takes a node for failed: it kills its job there."""
    node = owner.signature(run.lock)["host"]
    slurm.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")


def test_one_that_is_killed_before_the_script_begins_is_followed(
    target: SlurmTarget, tmp_path: Path
) -> None:
    """In the middle of staging."""
    source = tmp_path / "data"
    source.mkdir()
    for number in range(3_000):  # takes a second
        (source / f"{number}").touch()
    reference = {
        "name": "given",
        "datastore": "workspaceblobstore",
        "path": "data",
        "source": str(source),
        "mode": "download",
        "overwrite": False,
        "path_on_compute": None,
    }
    run = runs.make_run(target.workspace, GATED, target="hpc", data=[reference])
    runs.start(target, run)
    runs.wait_for(lambda: "Preparing" in statuses(run), 30)

    kill_runner(run)
    runs.wait_for(lambda: "ready 0\n" in runs.log_of(run), 30)
    go(run)

    state = runs.finish(run, 30)
    assert (state.reason, state.detail["adopted"]) == (Reason.COMPLETED, 1), state.detail
    assert statuses(run).count("Running") == 1
    assert len(os.listdir(source)) == 3_000


def test_a_second_job_of_a_run_that_goes_on_does_nothing(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    """As of a controller that has forgotten its last seconds, or of somebody's own hand."""
    run = begun(target)
    second = submitted_again(slurm, run)
    slurm.wait_until(lambda: slurm.state(second) == "COMPLETED", "it has ended", 30)
    said = Path(run.slurm_log).read_text()
    assert said == (
        f"runyard: run {run.id} has another runner: Slurm job {job_of(run)}, process "
        f"{runner_of(run)} on n1; this start of it does nothing\n"
    )
    go(run)
    state = runs.finish(run, 30)
    assert (state.reason, "adopted" in state.detail) == (Reason.COMPLETED, False)
    assert statuses(run).count("Running") == 1

    third = submitted_again(slurm, run)
    slurm.wait_until(lambda: slurm.state(third) == "COMPLETED", "it has ended", 30)
    assert Path(run.slurm_log).read_text() == f"{said}runyard: {run.id} has ended already\n"


def test_a_second_job_leaves_a_run_alone_whose_runner_was_just_killed(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    run = begun(target)
    batch = parent_of(runner_of(run))
    os.kill(batch, signal.SIGSTOP)  # it would start another one
    os.kill(runner_of(run), signal.SIGKILL)
    second = submitted_again(slurm, run)
    slurm.wait_until(lambda: slurm.state(second) == "COMPLETED", "it has ended", 30)
    assert "which has not ended; this start of it does nothing\n" in Path(run.slurm_log).read_text()

    os.kill(batch, signal.SIGCONT)
    go(run)

    state = runs.finish(run, 30)
    assert (state.reason, state.detail["adopted"]) == (Reason.COMPLETED, 1)


def test_a_second_job_of_a_run_that_was_lost_does_not_start_it_again(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    run = begun(target)
    first = job_of(run)
    kill_job(run)
    slurm.wait_until(lambda: slurm.state(first) == "FAILED", "its job is gone", 30)
    submitted_again(slurm, run)
    state = runs.finish(run, 30)
    assert state.reason is Reason.RUNNER_LOST
    assert statuses(run).count("Running") == 1
    assert runs.log_of(run) == "ready 0\n"


def test_a_second_job_on_another_node_writes_the_end_that_is_recorded(
    slurm: SlurmCluster, target: SlurmTarget
) -> None:
    run = begun(target, GATED + "sys.exit(3)")
    first = job_of(run)
    os.kill(runner_of(run), signal.SIGSTOP)  # it would write the end
    go(run)
    runs.wait_for(lambda: script.read(run).code is not None, 30)
    kill_job(run)
    slurm.wait_until(lambda: slurm.state(first) == "FAILED", "its job is gone", 30)
    other = "n2" if owner.signature(run.lock)["host"] == "n1" else "n1"
    submitted_again(slurm, run, f"--nodelist={other}")
    state = runs.finish(run, 30)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 3), state.detail
    assert owner.signature(run.lock)["host"] == other
    assert statuses(run).count("Running") == 1


DIES_BEHIND_SRUN = """\
import glob, os, signal, sys, time
from runyard.computes.slurm import steps
start_all = steps.start_all
def dies(*given):
    start_all(*given)
    while len(glob.glob(sys.argv[1] + "/ranks/*.jsonl")) < 4:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
steps.start_all = dies
from runyard.runner.main import main
sys.exit(main(sys.argv[1:]))
"""
FIRST_ONE = """\
#!/bin/sh
if mkdir "$0.begun" 2>/dev/null; then exec {python} -c "$(cat "$0.py")" "$4" "$5"; fi
exec {python} "$@"
"""


def test_a_runner_that_is_killed_when_srun_has_begun_all_ranks_is_followed(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    """Before it could note what it has started."""
    python = tmp_path / "python"
    python.write_text(FIRST_ONE.format(python=sys.executable))
    python.chmod(0o755)
    Path(f"{python}.py").write_text(DIES_BEHIND_SRUN)
    target = target_of(slurm, workspace, python=str(python))
    run = many_nodes.two_nodes(workspace, GATED + "sys.exit(3 if rank == 3 else 0)")
    runs.start(target, run)
    runs.wait_for(lambda: adoptions.count(run) == 1, 60)
    many_nodes.wait_until_ready(run)
    runs.wait_for(lambda: script.read(run).processes is not None)
    found = script.read(run)
    assert found.processes is not None
    # The srun: of ranks on other nodes this one knows no process.
    assert (found.each, len(found.processes)) == (False, 1)
    go(run)
    state = runs.finish(run, 30)
    assert (state.reason, state.detail["rank"]) == (Reason.SCRIPT_EXIT_CODE, 3), state.detail
    assert state.detail["exit_codes"][3] == 3
    nothing_is_left(run)


def submitted_again(slurm: SlurmCluster, run: RunDirectory, *more: str) -> str:
    """The number of one more job of the same batch script."""
    script_path = os.path.join(run.launch, "slurm.sh")
    variables = {"RUNYARD_CHANNEL": "slurm", "RUNYARD_RUN_DIRECTORY": "/"}
    given = ",".join(f"{name}={value}" for name, value in variables.items())
    options = [f"--output={run.slurm_log}", "--open-mode=append", f"--export=ALL,{given}", *more]
    return slurm.ask("sbatch", "--parsable", *options, script_path).strip()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("then", "reason", "codes"),
    [
        ("", Reason.COMPLETED, [0, 0, 0, 0]),
        ("sys.exit(3 if rank == 2 else 0)", Reason.SCRIPT_EXIT_CODE, [0, 0, 3, 0]),
    ],
)
def test_ranks_on_two_nodes_go_on(
    target: SlurmTarget, then: str, reason: Reason, codes: list[int]
) -> None:
    run = many_nodes.two_nodes(target.workspace, GATED + then)
    runs.start(target, run)
    many_nodes.wait_until_ready(run)
    kill_runner(running(run))
    go(run)
    state = runs.finish(run, 30)
    assert (state.reason, state.detail["exit_codes"]) == (reason, codes), state.detail
    assert state.detail["adopted"] == 1
    nothing_is_left(run)


def test_ranks_on_two_nodes_are_told_once(target: SlurmTarget) -> None:
    run = many_nodes.two_nodes(target.workspace, GATED, grace_period_s=20.0)
    runs.start(target, run)
    many_nodes.wait_until_ready(run)
    kill_runner(running(run))
    target.cancel({"run": run.path})
    assert runs.finish(run, 30).reason is Reason.CANCELLED
    told = [log.splitlines()[1:] for log in many_nodes.logs_of(run)]
    assert told == [["ready 0", "told"]] * 4
    nothing_is_left(run)


def test_a_rank_on_the_other_node_that_heeds_nothing_is_killed(target: SlurmTarget) -> None:
    deaf = GATED.replace("sys.exit(0)", "pass")
    run = many_nodes.two_nodes(target.workspace, deaf, grace_period_s=1.0)
    runs.start(target, run)
    many_nodes.wait_until_ready(run)
    kill_runner(running(run))
    target.cancel({"run": run.path})
    assert runs.finish(run, 40).reason is Reason.CANCELLED
    assert processes.of_run(run.path) == []  # at once: nobody writes to a run that has ended


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ranks_of_mpi_on_two_nodes_go_on(
    slurm: SlurmCluster, target: SlurmTarget, runtime: str
) -> None:
    gated = mpi.HEAD + "print('ready', flush=True)\nwhile not os.path.exists('go'):\n"
    run = mpi.four_ranks(target.workspace, runtime, gated + "    time.sleep(0.02)\nworld.barrier()")
    runs.start(target, run)
    runs.wait_for(lambda: mpi.is_ready(run), 60)
    kill_runner(running(run))
    go(run)
    state = runs.finish(run, 60)
    assert state.reason is Reason.COMPLETED, (state.detail, mpi.said(run))
    assert state.detail["exit_codes"] == [0, 0, 0, 0]
    nothing_is_left(run)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ranks_of_mpi_on_two_nodes_have_the_time_to_save(
    slurm: SlurmCluster, target: SlurmTarget, runtime: str
) -> None:
    run = mpi.four_ranks(
        target.workspace, runtime, mpi.HEAD + mpi.SAVES + mpi.WAITS, grace_period_s=10.0
    )
    runs.start(target, run)
    runs.wait_for(lambda: mpi.is_ready(run), 60)
    kill_runner(running(run))
    target.cancel({"run": run.path})
    state = runs.finish(run, 60)
    assert state.reason is Reason.CANCELLED, (state.detail, mpi.said(run))
    saved = sorted(path.name for path in Path(run.outputs).iterdir())
    assert saved == [f"saved-{number}" for number in range(4)], mpi.said(run)
    nothing_is_left(run)
