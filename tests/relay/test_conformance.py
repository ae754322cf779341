"""A target that does not share the disk keeps every promise of one that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.computes.protocol import ComputeTarget, Handle
from runyard.data.datastore import Datastore
from runyard.history.workspace import Workspace
from runyard.record.layout import WorkspaceDirectory
from runyard.testing import ComputeTargetConformance, runs
from tests import relay_target
from tests.relay_target import FarTarget
from tests.s3_server import S3


class TestFarTarget(ComputeTargetConformance):
    """Its runs are placed on S3."""

    @pytest.fixture
    def target(self, far: FarTarget) -> ComputeTarget:
        return far

    @pytest.fixture
    def workspace(self, tmp_path: Path, s3: S3) -> WorkspaceDirectory:
        directory = runs.workspace(tmp_path)
        made = Workspace.at(directory)
        Datastore.register(made, "cloud", s3.bucket(), **s3.options).set_as_default()
        return directory

    def kill_runner(self, handle: Handle) -> None:
        """All that was started there."""
        relay_target.kill(handle)
