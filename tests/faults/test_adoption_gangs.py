"""Runners of distributed runs and of containers killed: another one goes on with the run."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes, rehearsed_channel
from runyard.config.sections import PyTorchConfiguration
from runyard.containers.engine import Engine
from runyard.history.experiment import Experiment
from runyard.history.reconcile import reconcile_run
from runyard.record import events, owner, ranks, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.killing import kill_runner
from tests.requirements import missing
from tests.runner import test_container_gangs as in_containers
from tests.runner import test_container_runs as in_container
from tests.runner import test_distributed as gangs
from tests.runner import test_mpi as mpi
from tests.runner.test_container_runs import experiment

__all__ = ["experiment"]

GATED = """
import os, signal, sys, time
rank = os.environ.get('RANK', os.environ.get('RUNYARD_RANK'))
print('ready', flush=True)
while not os.path.exists('go'): time.sleep(0.02)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def running(run: RunDirectory) -> None:
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING, 60)


def adopt(run: RunDirectory) -> None:
    running(run)
    kill_runner(run)
    reconcile_run(run)
    assert owner.is_held(run.lock)
    assert events.read_state(run).status is Status.RUNNING


def go(run: RunDirectory) -> None:
    Path(run.work, "go").touch()


@pytest.mark.parametrize(
    ("end", "reason", "detail"),
    [
        ("", Reason.COMPLETED, {"exit_codes": [0, 0, 0]}),
        (
            "if rank == '1': sys.exit(3)\ntime.sleep(60)",
            Reason.SCRIPT_EXIT_CODE,
            {"rank": 1, "exit_code": 3, "exit_codes": [143, 3, 143]},
        ),
        (
            "if rank == '2': os.kill(os.getpid(), 9)\ntime.sleep(60)",
            Reason.SIGNAL,
            {"rank": 2, "exit_codes": [143, 143, 137]},
        ),
    ],
)
def test_the_ranks_of_a_lost_runner_are_judged_as_ever(
    workspace: WorkspaceDirectory, end: str, reason: Reason, detail: dict[str, Any]
) -> None:
    run = gangs.gang(workspace, GATED + end)
    gangs.wait_for_lines(run, "ready")
    adopt(run)
    go(run)
    state = runs.finish(run)
    assert state.reason is reason
    assert {name: state.detail.get(name) for name in detail} == detail
    assert state.detail["adopted"] == 1
    assert not processes.of_run(run.path)


def test_ranks_that_ended_before_another_runner_came(workspace: WorkspaceDirectory) -> None:
    run = gangs.gang(workspace, GATED)
    gangs.wait_for_lines(run, "ready")
    running(run)
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: [rank.code for rank in ranks.read(run)] == [0, 0, 0])
    reconcile_run(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["adopted"]) == (Reason.COMPLETED, 1)


def test_adopted_ranks_began_and_ended_when_they_say(workspace: WorkspaceDirectory) -> None:
    """And not when somebody looked: here all that is recorded happened an hour before."""
    run = gangs.gang(workspace, GATED)
    gangs.wait_for_lines(run, "ready")
    running(run)
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: [rank.code for rank in ranks.read(run)] == [0, 0, 0])
    Path(run.events).unlink()  # as if it had been killed before it could say Running
    hour_ago = [*Path(run.ranks).glob("*.jsonl"), Path(script.path_of(run))]
    for path in hour_ago:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        text = "".join(json.dumps({**line, "t": line["t"] - 3600}) + "\n" for line in lines)
        path.write_text(text)
    reconcile_run(run)
    times = {event["status"]: event["t"] for event in runs.finish(run).events}
    known = ranks.read(run)
    begun, ended = min(rank.started or 0 for rank in known), max(rank.ended or 0 for rank in known)
    assert times["Running"] == pytest.approx(begun, abs=60)
    assert times["Finalizing"] == pytest.approx(ended, abs=60)
    assert ended <= times["Finalizing"] <= times["Completed"] < ended + 60


def test_a_kill_for_memory_before_another_runner_came(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    """Their control group had counted none when they were started."""
    group = Path("/sys/fs/cgroup/memory") / f"runyard-test-{os.getpid()}"
    if not os.access(group.parent, os.W_OK):
        missing("memory-cgroup", "there is no writable memory cgroup of version 1")
    group.mkdir()
    own = Path("/sys/fs/cgroup/memory/cgroup.procs")
    try:
        (group / "memory.limit_in_bytes").write_text(str(256 << 20))
        (group / "cgroup.procs").write_text(str(os.getpid()))
        hog = "hog = []\nwhile rank == '1': hog.append(bytearray(1 << 20))\ntime.sleep(60)"
        run = gangs.gang(workspace, GATED + hog)
        own.write_text(str(os.getpid()))
        gangs.wait_for_lines(run, "ready")
        running(run)
        kill_runner(run)
        go(run)
        runs.wait_for(lambda: ranks.of(run, 1).code == 137, 60)
        reconcile_run(run)
        state = runs.finish(run)
    finally:
        own.write_text(str(os.getpid()))
        runs.wait_for(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()
    assert state.reason is Reason.OUT_OF_MEMORY
    assert (state.detail["rank"], state.detail["exit_codes"]) == (1, [143, 137, 143])


def test_all_ranks_are_ended_by_a_cancel(workspace: WorkspaceDirectory) -> None:
    run = gangs.gang(workspace, GATED, grace_period_s=20.0)
    gangs.wait_for_lines(run, "ready")
    adopt(run)
    events.request(run, "cancel")
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_codes"]) == (Reason.CANCELLED, [143, 143, 143])
    assert not processes.of_run(run.path)


def test_a_gang_that_was_killed_whole_is_lost(workspace: WorkspaceDirectory) -> None:
    run = gangs.gang(workspace, GATED)
    gangs.wait_for_lines(run, "ready")
    running(run)
    for pid in [owner.signature(run.lock)["pid"], *(r.pid for r in ranks.read(run))]:
        os.kill(int(pid or 0), signal.SIGKILL)
    for pid in processes.of_run(run.path):
        os.kill(pid, signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.lock) and not processes.of_run(run.path))
    reconcile_run(run)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"].endswith(
        "No process of the run has recorded its exit code: they were killed as well."
    )


@pytest.mark.integration
@pytest.mark.xdist_group("mpi")
@pytest.mark.parametrize("fails", [False, True])
def test_mpi_on_two_rehearsed_nodes(workspace: WorkspaceDirectory, fails: bool) -> None:
    wait = "while not os.path.exists('go'): time.sleep(0.02)\n"
    end = "if world.rank == 1: sys.exit(3)\nworld.barrier()\n" if fails else ""
    run = mpi.start(workspace, "mpich", mpi.HEAD + wait + end, nodes=2, each=1)
    mpi.wait_for_lines(run, "together", 2)
    adopt(run)
    go(run)
    state = mpi.finish(run)
    if fails:
        assert (state.reason, state.detail["rank"]) == (Reason.SCRIPT_EXIT_CODE, 1)
    else:
        assert (state.reason, state.detail["exit_codes"]) == (Reason.COMPLETED, [0, 0])
    assert not os.path.exists(rehearsed_channel.scratch_of(run))


@pytest.mark.parametrize(("end", "reason"), [("", None), ("sys.exit(137)", 137)])
def test_a_script_in_a_container(
    experiment: Experiment, engine: Engine, end: str, reason: int | None
) -> None:
    run = in_container.submit(experiment, GATED + end)
    in_container.started(run)
    adopt(run.directory)
    go(run.directory)
    state = in_container.finish(run)
    assert state.status is (Status.COMPLETED if reason is None else Status.FAILED)
    assert (state.detail["exit_code"], state.detail["adopted"]) == (reason or 0, 1)
    assert in_container.containers(engine) == []


def test_a_container_that_ended_before_another_runner_came(
    experiment: Experiment, docker: Engine
) -> None:
    run = in_container.submit(experiment, GATED + "sys.exit(4)")
    in_container.started(run)
    running(run.directory)
    kill_runner(run.directory)
    go(run.directory)
    [name] = in_container.containers(docker)
    runs.wait_for(lambda: not getattr(docker.state(name), "running", True))
    ended = getattr(docker.state(name), "ended", 0.0)
    time.sleep(3)  # more than the end of a run takes
    looked = time.monotonic()
    assert run.get_status() in ("Running", "Finalizing", "Failed")
    state = in_container.finish(run)
    took_s = time.monotonic() - looked
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 4)
    times = [event["t"] for event in state.events]
    assert ended <= times[-2] <= times[-1] <= ended + took_s
    assert in_container.containers(docker) == []


def test_a_container_is_stopped_by_a_cancel(experiment: Experiment, docker: Engine) -> None:
    run = in_container.submit(experiment, GATED)
    in_container.started(run)
    adopt(run.directory)
    run.cancel()
    assert in_container.finish(run).reason is Reason.CANCELLED
    assert in_container.containers(docker) == []


def test_a_container_that_is_gone_tells_nothing(experiment: Experiment, docker: Engine) -> None:
    run = in_container.submit(experiment, GATED)
    in_container.started(run)
    running(run.directory)
    kill_runner(run.directory)
    [name] = in_container.containers(docker)
    docker.remove(name)
    reconcile_run(run.directory)
    state = in_container.finish(run)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"] == (
        f"its container {name} is gone: how the script ended is not known"
    )


def test_ranks_in_containers_of_two_nodes(experiment: Experiment, docker: Engine) -> None:
    job = PyTorchConfiguration("Gloo", process_count=2, node_count=2)
    run = in_containers.submit(experiment, GATED + "if rank == '1': sys.exit(3)", job)
    in_containers.started(run, 2)
    adopt(run.directory)
    go(run.directory)
    state = in_containers.finish(run)
    assert (state.reason, state.detail["rank"]) == (Reason.SCRIPT_EXIT_CODE, 1)
    assert in_containers.containers(docker) == []
