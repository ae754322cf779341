"""Attached clusters for tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runyard.computes import processes
from runyard.computes.slurm.configuration import given_from
from runyard.computes.slurm.target import SlurmTarget
from runyard.record import computes, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from tests.slurm_cluster import SlurmCluster


def target_of(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, name: str = "hpc", **settings: Any
) -> SlurmTarget:
    """The cluster of a test as a target of the workspace."""
    given = {"slurm_conf": str(slurm.conf), **settings}
    computes.write(workspace, name, {"type": "Slurm", **given_from(given).record()})
    record = computes.read(workspace, name)
    assert record is not None
    return SlurmTarget(workspace, record)


def kill_job(run: RunDirectory) -> None:
    """Kill what a run's job is on its first node: batch script, runner and script."""
    _kill_batch_behind(run, processes.of_run(run.path))


def kill_runner(run: RunDirectory) -> None:
    """Kill a run's runner, and the batch script, which would start another one."""
    _kill_batch_behind(run, [])


def _kill_batch_behind(run: RunDirectory, others: Sequence[int]) -> None:
    """Kill runner and others while the batch script stands still, and then that.

    Where a shell ends, those of its group that a test has stopped are told to go on.
    """
    runner = int(owner.signature(run.lock)["pid"])
    stat = Path(f"/proc/{runner}/stat").read_text()
    batch = int(stat.rpartition(")")[2].split()[1])
    os.kill(batch, signal.SIGSTOP)
    for pid in (runner, *others, batch):
        with suppress(ProcessLookupError):  # the runner is one of the others
            os.kill(pid, signal.SIGKILL)
