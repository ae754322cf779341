"""A project with one script, a workspace, an experiment and a target that starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.history import targets
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record.layout import RunDirectory
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


@pytest.fixture
def config(project: Path) -> ScriptRunConfig:
    return ScriptRunConfig(project, "train.py", ["--lr", 0.1])


def runs_of(experiment: Experiment) -> list[RunDirectory]:
    """The runs that are recorded in it."""
    folder = Path(experiment.workspace.directory.experiment("exp"))
    return [RunDirectory(str(path)) for path in folder.iterdir()] if folder.exists() else []
