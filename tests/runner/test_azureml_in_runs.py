"""Inside runs ``azureml`` is ours, whatever the environment of the run has installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.computes.local import LocalTarget
from runyard.containers.engine import Engine
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.planning import resolve
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests import other_azureml
from tests.container_engines import BASE
from tests.wheelhouse import Wheelhouse

KINDS = {"azureml-core": other_azureml.FILES, "azureml": other_azureml.UNRELATED}


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """A tool that needs each of the others: what a requirement of a requirement brings."""
    wheels = Wheelhouse(tmp_path / "wheels")
    for name, files in KINDS.items():
        wheels.add(name, members=files)
        wheels.add(f"needs-{name}", requires=[name])
    for name, value in wheels.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return wheels


def script(name: str) -> str:
    return other_azureml.SCRIPT + (other_azureml.BESIDE if name == "azureml-core" else "")


def finish(run: RunDirectory) -> Any:
    runs.start(LocalTarget(), run)
    end = runs.finish(run, 60)
    assert end.reason is Reason.COMPLETED, runs.log_of(run)
    return end


@pytest.mark.integration
@pytest.mark.parametrize("python", [None, "3.6"])
@pytest.mark.parametrize("name", KINDS)
def test_over_what_a_requirement_brings(
    workspace: WorkspaceDirectory,
    wheelhouse: Wheelhouse,
    tool: Callable[[str], str],
    name: str,
    python: str | None,
) -> None:
    tool("uv"), tool(f"python{python or '3.8'}")
    tmp_path = wheelhouse.folder.parent
    environment = Environment("demo")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=[f"needs-{name}", "azureml"], python_version=python
    )
    planned = resolve(environment, source_directory=tmp_path)
    finish(runs.make_run(workspace, script(name), environment=msgspec.to_builtins(planned)))
    [built] = (tmp_path / "cache/runyard/environments").glob("*/lib/*/site-packages/azureml")
    assert (built / "__init__.py").read_text() == KINDS[name]["azureml/__init__.py"]


@pytest.mark.parametrize("name", KINDS)
def test_in_an_interpreter_of_the_user(
    workspace: WorkspaceDirectory, tmp_path: Path, name: str
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    [packages] = venv.glob("lib/*/site-packages")
    other_azureml.install(packages, name, KINDS[name])
    environment = {**runs.spec()["environment"], "interpreter": str(venv / "bin/python")}
    finish(runs.make_run(workspace, script(name), environment=environment))


def test_over_a_folder_on_the_users_own_path(
    workspace: WorkspaceDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_azureml.install(tmp_path / "mine")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mine"))
    finish(runs.make_run(workspace, script("azureml-core")))


def test_over_a_switch_that_is_off_in_that_environment(workspace: WorkspaceDirectory) -> None:
    """A run needs no `runyard azureml enable`, and says nothing of it."""
    assert not os.path.exists(os.path.join(sys.prefix, "runyard-azureml.pth"))
    run = runs.make_run(workspace, script("azureml") + "print('done')")
    finish(run)
    assert runs.log_of(run) == "done\n"


@pytest.mark.integration
@pytest.mark.parametrize("name", KINDS)
def test_in_a_container(
    engine: Engine, workspace: WorkspaceDirectory, tmp_path: Path, name: str
) -> None:
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    planned = resolve(environment, source_directory=tmp_path, use_docker=True)
    theirs = {f"theirs/{path}": text for path, text in KINDS[name].items()}
    # Folders of packages come behind all that is on PYTHONPATH.
    text = "import sys; sys.path.append('theirs')\n" + script(name)
    container: dict[str, Any] = {"arguments": [], "shm_size": None, "shared_volumes": True}
    run = runs.make_run(
        workspace, text, theirs, environment=msgspec.to_builtins(planned), container=container
    )
    finish(run)
