"""Entry scripts of other kinds in containers of the real docker and podman."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.containers.engine import Engine
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record.events import State
from runyard.record.states import Reason
from runyard.testing import runs
from tests.container_engines import BASE
from tests.requirements import missing
from tests.runner.test_notebooks import notebook


class Submit:
    """Submits a script of files to a container of the image BASE."""

    def __init__(self, folder: Path) -> None:
        self._source = folder / "source"
        workspace: Any = Workspace.create("tests", path=str(folder / "ws"), show_output=False)
        self._experiment = Experiment(workspace, "exp")

    def __call__(self, script: str, files: dict[str, str], *arguments: object, own: bool) -> Run:
        """``own``: with the image's own Python, and no packages."""
        for name, content in files.items():
            path = self._source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        environment = Environment("in-image")
        environment.docker.base_image = BASE
        if own:
            environment.python.user_managed_dependencies = True
            environment.python.interpreter_path = "python3"
        config = ScriptRunConfig(self._source, script, list(arguments), environment=environment)
        return config.submit_to(self._experiment)


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    return Submit(tmp_path)


def finish(run: Run) -> State:
    state = runs.finish(run.directory, timeout_s=180)
    log = Path(run.directory.environment_log).read_text()
    if state.reason is Reason.ENVIRONMENT_FAILED and "cannot be reached" in log:
        missing("index", "no package index can be reached")
    assert state.reason is not Reason.ENVIRONMENT_FAILED, log
    return state


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("line", ["from .data import SIZE", "import pkg.data, data as _\nSIZE = 3"])
def test_a_module_of_a_package(submit: Submit, line: str) -> None:
    code = f"{line}\nimport sys; print(SIZE, sys.argv[1:])"
    files = {"pkg/__init__.py": "", "pkg/data.py": "SIZE = 3", "pkg/train.py": code}
    run = submit("pkg/train.py", files, "--n", 1, own=True)
    assert finish(run).reason is Reason.COMPLETED, runs.log_of(run.directory)
    assert runs.log_of(run.directory) == "3 ['--n', '1']\n"


def test_a_program_that_the_image_lacks_is_said(submit: Submit, engine: Engine) -> None:
    run = submit("train.R", {"train.R": "1"}, own=True)
    state = finish(run)
    assert state.reason is Reason.LAUNCH_FAILED
    error = state.detail["error"]
    assert error["message"] == "the image has no program Rscript, which was to be started"
    assert error["hint"] == "Use an image that has it, or install it in a Dockerfile of yours"
    assert engine.ask("ps", "--all", "--quiet") == ""


@pytest.mark.usefixtures("engine")
def test_a_notebook_needs_papermill_in_an_image_that_is_used_as_it_is(submit: Submit) -> None:
    run = submit("a.ipynb", {"a.ipynb": notebook("1")}, own=True)
    state = finish(run)
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert state.detail["error"]["message"].startswith(
        "a notebook needs papermill and ipykernel in the Python of its run, and /usr/bin/python3"
    )


@pytest.mark.integration
@pytest.mark.usefixtures("engine")
def test_a_notebook(submit: Submit) -> None:
    log_rate = "from azureml.core import Run\nRun.get_context().log('rate', rate)"
    cells = ("# parameters\nrate = 1.0", log_rate, "import os; print(os.getcwd())", "1 / 0")
    run = submit("nb/a.ipynb", {"nb/a.ipynb": notebook(*cells)}, "--rate", 0.5, own=False)
    state = finish(run)
    assert state.reason is Reason.SCRIPT_EXCEPTION, runs.log_of(run.directory)
    assert state.detail["error"]["location"]["function"] == "cell 4 (In [5])"
    assert runs.log_of(run.directory).startswith(f"{run.directory.work}\nTraceback")
    assert run.get_metrics() == {"rate": 0.5}
    output = json.loads(Path(run.directory.path, "outputs", "a.output.ipynb").read_text())
    assert output["metadata"]["papermill"]["parameters"] == {"rate": 0.5}
