"""A project with one script, a workspace, an experiment and a target that starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard.history import targets
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from tests.config.targets import FakeTarget, workspace_in, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder, "train.py", "lib/util.py")
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    return workspace_in(tmp_path / ".runyard")


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """The target of the name 'fake', and of the name 'local'."""
    fake = FakeTarget()
    monkeypatch.setattr(targets, "_FACTORIES", {"fake": lambda: fake, "local": lambda: fake})
    return fake


@pytest.fixture
def experiment(tmp_path: Path, target: FakeTarget) -> Any:
    workspace = Workspace.create("work", path=tmp_path / "ws", show_output=False)
    return Experiment(workspace, "exp")
