"""Notebooks: what they add to an environment, and what they need of an interpreter."""

from __future__ import annotations

import venv
from pathlib import Path
from typing import Any

import pytest

from runyard.config.planning import Plan, plan
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import MpiConfiguration, PyTorchConfiguration
from runyard.environments import curated
from runyard.environments.environment import Environment
from runyard.errors import ExperimentExecutionException, UserErrorException
from tests.config.targets import FakeTarget

NOTICE = "papermill and ipykernel are installed too: a notebook runs through them"


@pytest.fixture
def planned(project: Path, workspace: Any, target: FakeTarget) -> Any:
    (project / "a.ipynb").write_text('{"cells": [], "metadata": {}}')

    def made(environment: Environment, *arguments: object, script: str = "a.ipynb") -> Plan:
        config = ScriptRunConfig(project, script, list(arguments), environment=environment)
        return plan(config, workspace, experiment="exp")

    return made


def with_pip(*lines: str) -> Environment:
    environment = Environment("mine")
    environment.python.conda_dependencies.set_pip_requirements(lines)
    return environment


def test_papermill_and_a_kernel_are_added(planned: Any) -> None:
    environment = with_pip("numpy")
    found = planned(environment, "--lr", 0.1)
    assert found.spec.environment.requirements == ("numpy", "papermill", "ipykernel")
    assert NOTICE in found.notices
    assert list(environment.python.conda_dependencies.pip_packages) == ["numpy"]
    assert found.run_configuration["environment"]["python"]["condaDependencies"]["dependencies"]
    assert NOTICE not in planned(environment, script="train.py").notices


def test_what_the_user_names_stays(planned: Any) -> None:
    found = planned(with_pip("Papermill==2.3.4"))
    assert found.spec.environment.requirements == ("Papermill==2.3.4", "ipykernel")
    assert "ipykernel is installed too: a notebook runs through them" in found.notices
    both = planned(with_pip("papermill", "ipykernel<7"))
    assert both.spec.environment.requirements == ("papermill", "ipykernel<7")
    assert not [text for text in both.notices if "installed too" in text]


def test_curated_environments_are_not_changed(planned: Any) -> None:
    name = curated.names()[0]
    environment = curated.get(name)
    found = planned(environment)
    assert found.spec.environment.requirements[-2:] == ("papermill", "ipykernel")
    assert found.spec.environment.name == name
    assert "papermill" not in list(environment.python.conda_dependencies.pip_packages)


def test_requirements_with_hashes_cannot_be_added_to(planned: Any) -> None:
    with pytest.raises(UserErrorException) as caught:
        planned(with_pip("six==1.16.0 --hash=sha256:00"))
    assert str(caught.value) == (
        "the requirements have hashes, so papermill and ipykernel, which a notebook needs, cannot "
        "be added to them; add both there, with their hashes"
    )


def test_an_interpreter_without_papermill_is_refused(planned: Any, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = python
    with pytest.raises(ExperimentExecutionException) as caught:
        planned(environment)
    assert str(caught.value) == (
        f"script='a.ipynb' is a notebook, and the Python {python} has no papermill and no "
        f"ipykernel; install what is missing: {python} -m pip install papermill ipykernel"
    )


def test_an_interpreter_that_finds_them_will_do(planned: Any, tmp_path: Path) -> None:
    for name in ("papermill", "ipykernel"):
        (tmp_path / f"{name}.py").touch()
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.environment_variables = {"PYTHONPATH": str(tmp_path)}
    assert planned(environment).spec.entry.kind == "notebook"


def test_cells_cannot_be_ranks_of_mpi(project: Path, workspace: Any, planned: Any) -> None:
    def made(job: object) -> Plan:
        config = ScriptRunConfig(
            project, "a.ipynb", environment=with_pip(), distributed_job_config=job
        )
        return plan(config, workspace, experiment="exp")

    assert made(PyTorchConfiguration("gloo", 2)).spec.launcher == "pytorch"
    assert made(MpiConfiguration()).spec.launcher == "single"
    with pytest.raises(ExperimentExecutionException) as caught:
        made(MpiConfiguration(2))
    assert str(caught.value) == (
        "script='a.ipynb' is a notebook, whose cells cannot be ranks of MPI: they run in a process "
        "below that which mpiexec starts. Make it a script (jupyter nbconvert --to script), or use "
        "PyTorchConfiguration('gloo')"
    )


def test_arguments_have_to_be_parameters(planned: Any) -> None:
    with pytest.raises(UserErrorException) as caught:
        planned(with_pip(), "data.csv")
    assert str(caught.value) == (
        "arguments of the notebook 'a.ipynb': 'data.csv' stands behind no name; a notebook has "
        "named parameters only: --name data.csv"
    )
