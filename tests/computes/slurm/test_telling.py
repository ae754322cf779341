"""Ranks on two nodes of a real Slurm are told to end once, also where Slurm tells few of them."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.slurm.target import SlurmTarget
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster

TOLD = """
import os, signal, time
times = 0
def told(*_):
    global times
    times += 1
signal.signal(signal.SIGTERM, told)
print("ready", flush=True)
while not times:
    time.sleep(0.02)
time.sleep(1)
with open(f"outputs/of-{os.environ['RANK']}", "w") as stream:
    stream.write(f"told {times}")
"""
"""A second one would come while it saves."""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def instead_of(
    program: str, words: str, does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have a program of Slurm do something else where it is given these words."""
    real = shutil.which(program)
    assert real is not None
    stand_in = tmp_path / "bin" / program
    stand_in.parent.mkdir()
    script = f'case "$*" in *{words}*) {does} ;; esac\nexec {shlex.quote(real)} "$@"\n'
    stand_in.write_text(f"#!/bin/sh\n{script}")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")


def begun(target: SlurmTarget, workspace: WorkspaceDirectory, **changes: Any) -> RunDirectory:
    """A run whose four ranks are ready."""
    distribution = {"process_count": 4, "backend": "gloo"}
    nodes = {"node_count": 2, "processes_per_node": 2}
    launched = {"launcher": "pytorch", "distribution": distribution, **nodes, **changes}
    run = runs.make_run(workspace, TOLD, target="hpc", grace_period_s=60.0, **launched)
    runs.start(target, run)
    logs = [Path(run.rank_log(rank)) for rank in range(4)]
    runs.wait_for(lambda: all(log.exists() and "ready" in log.read_text() for log in logs), 60)
    return run


def all_saved(run: RunDirectory) -> None:
    saved = {path.name: path.read_text() for path in Path(run.outputs).iterdir()}
    said = Path(run.runner_log).read_text()
    assert saved == {f"of-{rank}": "told 1" for rank in range(4)}, said
    runs.wait_for(lambda: processes.of_run(run.path) == [])


def cancelled(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    run = begun(target, workspace)
    target.cancel({"run": run.path})
    assert runs.finish(run, 120).reason is Reason.CANCELLED
    all_saved(run)


def test_where_slurm_tracks_by_cgroups(
    slurm_of_cgroups: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    """It signals the children of slurmstepd, which are not the scripts."""
    cancelled(target_of(slurm_of_cgroups, workspace), workspace)


def test_where_slurm_tracks_by_cgroups_at_the_limit_of_the_run(
    slurm_of_cgroups: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    target = target_of(slurm_of_cgroups, workspace)
    run = begun(target, workspace, max_run_duration_s=15.0)
    assert runs.finish(run, 120).reason is Reason.TIME_LIMIT
    all_saved(run)


def test_where_slurm_tells_nobody(
    slurm: SlurmCluster,
    workspace: WorkspaceDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instead_of("scancel", "--signal=TERM", "exit 0", tmp_path, monkeypatch)
    cancelled(target_of(slurm, workspace), workspace)


def test_where_no_step_can_be_started_any_more(
    slurm: SlurmCluster,
    workspace: WorkspaceDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instead_of("srun", "tell_here.py", "exit 1", tmp_path, monkeypatch)
    cancelled(target_of(slurm, workspace), workspace)
