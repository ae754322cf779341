"""The suite for compute targets, on a real Slurm."""

from __future__ import annotations

import pytest

from runyard.computes.protocol import Handle
from runyard.computes.slurm.target import SlurmTarget
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.testing import ComputeTargetConformance
from tests.computes.slurm.targets import kill_runner, target_of
from tests.slurm_cluster import SlurmCluster


class TestSlurm(ComputeTargetConformance):
    @pytest.fixture
    def target(self, slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
        return target_of(slurm, workspace)

    def kill_runner(self, handle: Handle) -> None:
        """Its nodes are places on this machine."""
        kill_runner(RunDirectory(handle["run"]))
