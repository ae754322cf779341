"""The notebooks and scripts of examples/azureml, executed as their user would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.containers.engine import Engine
from runyard.history.workspace import Workspace
from scripts.readme import REPO
from tests.container_engines import BASE
from tests.requirements import missing

FOLDER = REPO / "examples" / "azureml"
NOTEBOOKS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.ipynb"))
SCRIPTS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py"))
IN_DOCKER = "docker/custom-image.ipynb"
UNDER_3_6 = ("frameworks/sklearn-estimator.ipynb",)
TIMEOUT_S = 800


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the examples, for what they write."""
    return Path(shutil.copytree(FOLDER, tmp_path / "azureml"))


def execute(path: Path, *arguments: str) -> str:
    """``runyard exec``; returns what was printed."""
    command = [sys.executable, "-m", "runyard", "exec", path.name, *arguments]
    done = subprocess.run(
        command, cwd=path.parent, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    printed = done.stdout + done.stderr
    if done.returncode != 0 and "cannot be reached" in printed:
        missing("index", "no package index can be reached")
    assert done.returncode == 0, printed
    return printed


@pytest.mark.parametrize("name", [*NOTEBOOKS, *SCRIPTS])
def test_they_are_code_of_sdk_v1_alone(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert "runyard" not in text
    assert name in SCRIPTS or re.search(r"from azureml\.", text)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_outputs_are_kept(name: str) -> None:
    cells = json.loads((FOLDER / name).read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != IN_DOCKER])
def test_a_notebook(name: str, folder: Path, tool: Callable[[str], str]) -> None:
    if name in UNDER_3_6:
        tool("python3.6")
    execute(folder / name)
    cells = json.loads((folder / name.replace(".ipynb", ".output.ipynb")).read_text())["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    workspace = Workspace.at(folder / ".runyard")
    assert (workspace.name, workspace.resource_group) == ("azureml-examples", "examples")
    assert {entry.status for entry in workspace.select()} <= {"Completed", "Failed", "Canceled"}


def test_the_notebook_with_an_image(folder: Path, docker: Engine) -> None:
    docker.ask("tag", BASE, "python:3.11-slim")
    execute(folder / IN_DOCKER)
    [run] = Workspace.at(folder / ".runyard").experiments["custom-image"].get_runs()
    assert run.get_status() == "Completed"
    assert os.path.exists(run.directory.container_log)


@pytest.mark.integration
def test_the_chainer_script_under_python_3_6(folder: Path, tool: Callable[[str], str]) -> None:
    tool("python3.6")
    printed = execute(folder / "frameworks" / "submit_chainer.py", "--epochs", "150")
    assert "accuracy 1.0" in printed
