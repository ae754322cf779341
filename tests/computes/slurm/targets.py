"""Attached clusters for tests."""

from __future__ import annotations

from typing import Any

from runyard.computes.slurm.configuration import given_from
from runyard.computes.slurm.target import SlurmTarget
from runyard.record import computes
from runyard.record.layout import WorkspaceDirectory
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
