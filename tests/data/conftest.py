"""A workspace, and a folder of data that is a datastore of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace


def write(folder: Path, **files: str) -> Path:
    """Make files; ``__`` in a name is a folder, and the suffix is .txt."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder with its text."""
    return {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    return Workspace.create("tests", path=str(tmp_path / "workspace"))


@pytest.fixture
def store(workspace: Any, tmp_path: Path) -> Any:
    """The datastore 'photos' on a folder outside the workspace."""
    folder = write(tmp_path / "photos", train__a="A", train__deep__b="B", labels="L")
    return Datastore.register(workspace, "photos", folder)


@pytest.fixture
def experiment(workspace: Any) -> Experiment:
    return Experiment(workspace, "exp")


@pytest.fixture
def here() -> Environment:
    """The interpreter that runs the tests, as it is."""
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    return environment


@pytest.fixture
def submit(experiment: Experiment, here: Environment, tmp_path: Path) -> Callable[..., Any]:
    """Submit a script with arguments."""

    def submitted(script: str, *arguments: object, **more: Any) -> Any:
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source/train.py").write_text(script)
        config = ScriptRunConfig(
            tmp_path / "source", "train.py", list(arguments), environment=here, **more
        )
        return experiment.submit(config)

    return submitted
