"""How runs of MPI end that have ranks on two nodes of a real Slurm."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.slurm.target import SlurmTarget
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.mpi_environments import RUNTIMES, environment
from tests.requirements import missing
from tests.slurm_cluster import SlurmCluster

HEAD = """
import os, signal, sys, time
from mpi4py import MPI
world = MPI.COMM_WORLD
world.barrier()
"""
SAVES = """
def save(*_):
    open(f"outputs/saved-{world.rank}", "w").write("whole")
    os._exit(0)
signal.signal(signal.SIGTERM, save)
"""
WAITS = "print('ready', flush=True)\nwhile True:\n    time.sleep(0.1)\n"
FAILS = "time.sleep(1)\nif world.rank == {rank}:\n    {how}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def target(slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
    if not slurm.named_nodes:
        missing("slurm", "nodes cannot have host names of their own here (unshare --uts)")
    return target_of(slurm, workspace)


def four_ranks(workspace: WorkspaceDirectory, runtime: str, text: str, **more: Any) -> RunDirectory:
    distribution = {"process_count": 4, "runtime": runtime, "mpiexec": ""}
    return runs.make_run(
        workspace,
        text,
        target="hpc",
        node_count=2,
        processes_per_node=2,
        launcher="mpi",
        distribution=distribution,
        environment=environment(runtime),
        **more,
    )


def said(run: RunDirectory) -> str:
    paths = [*Path(run.path, "user_logs").iterdir(), *Path(run.path, "system_logs").iterdir()]
    return "\n".join(f"{path.name}: {path.read_text()}" for path in paths)


def nothing_is_left(run: RunDirectory) -> None:
    runs.wait_for(lambda: processes.of_run(run.path) == [], 15)


def is_ready(run: RunDirectory) -> bool:
    paths = [Path(run.rank_log(rank)) for rank in range(4)]
    return all(path.exists() and "ready" in path.read_text() for path in paths)


@pytest.mark.parametrize(
    ("rank", "how", "reason"),
    [
        (0, "raise ValueError('bad batch')", Reason.SCRIPT_EXCEPTION),
        (3, "os.kill(os.getpid(), 9)", Reason.SIGNAL),
    ],
)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_rank_that_fails_ends_those_of_both_nodes(
    target: SlurmTarget,
    runtime: str,
    rank: int,
    how: str,
    reason: Reason,
) -> None:
    text = HEAD + FAILS.format(rank=rank, how=how) + SAVES + WAITS
    run = four_ranks(target.workspace, runtime, text, grace_period_s=5.0)
    runs.start(target, run)
    others = [Path(run.rank_log(other)) for other in range(4) if other != rank]

    def is_at_it() -> bool:
        """Whether one is behind the place where that rank fails."""
        passed = any(log.exists() and "ready" in log.read_text() for log in others)
        return passed or events.read_state(run).status.ended

    runs.wait_for(is_at_it, 60)
    begun = time.monotonic()
    state = runs.finish(run, 60)
    assert (state.reason, state.detail.get("rank")) == (reason, rank), (state.detail, said(run))
    assert time.monotonic() - begun < 30
    nothing_is_left(run)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_cancel_gives_the_ranks_of_both_nodes_the_time_to_save(
    target: SlurmTarget, workspace: WorkspaceDirectory, runtime: str
) -> None:
    run = four_ranks(workspace, runtime, HEAD + SAVES + WAITS, grace_period_s=10.0)
    handle = runs.start(target, run)
    runs.wait_for(lambda: is_ready(run), 60)
    target.cancel(handle)
    state = runs.finish(run, 60)
    assert state.reason is Reason.CANCELLED, (state.detail, said(run))
    saved = sorted(path.name for path in Path(run.outputs).iterdir())
    assert saved == [f"saved-{number}" for number in range(4)], said(run)
    nothing_is_left(run)
