"""The target 'far', which does not see the workspace, and a workspace with object storage."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datastore import Datastore
from runyard.history import targets
from runyard.history.workspace import Workspace
from tests.relay_target import FarTarget
from tests.requirements import missing
from tests.s3_server import S3


@pytest.fixture(scope="session")
def _namespaces() -> None:
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or done.returncode != 0:
        missing("mount", "a mount namespace can only be made by root")


@pytest.fixture
def far(_namespaces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarTarget]:
    """The target 'far', known to this process."""
    (tmp_path / "far").mkdir()
    monkeypatch.setenv("RUNYARD_FAR_DIR", str(tmp_path / "far"))
    monkeypatch.setenv("RUNYARD_TEST_FAR_LOG", str(tmp_path / "far.txt"))
    monkeypatch.setitem(targets._FACTORIES, "far", FarTarget)
    yield FarTarget()
    for process in FarTarget.started:
        process.kill()
        process.wait()
    FarTarget.started.clear()


@pytest.fixture
def workspace(tmp_path: Path, s3: S3) -> Any:
    made = Workspace.create("tests", path=str(tmp_path / "workspace"))
    Datastore.register(made, "cloud", s3.bucket(), **s3.options)
    return made
