"""``runyard exec``: programs, scripts and notebooks in which ``azureml`` is ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from runyard import _lending
from runyard.cli import execution
from runyard.environments.names import canonical_name
from runyard.errors import UserErrorException
from scripts.readme import REPO
from tests import other_azureml
from tests.cli import processes

OURS = str(REPO / "src/runyard/azureml/core/__init__.py")
WHERE = "import azureml.core; print(azureml.core.__file__)"
SUBMIT = """
from azureml.core import Experiment, ScriptRunConfig, Workspace
ws = Workspace.create("exec", path=".")
config = ScriptRunConfig("source", "train.py", compute_target="local")
config.run_config.environment.python.user_managed_dependencies = True
run = Experiment(ws, "exec").submit(config)
run.wait_for_completion()
print(run.get_metrics())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def bare_venv(folder: Path, python: str = sys.executable) -> Path:
    """The interpreter of an environment in which nothing is installed."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def run(*words: object, code: int = 0) -> str:
    done = processes.run("exec", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stdout + done.stderr).strip()


def test_a_program_and_its_children_find_ours(folder: Path) -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    assert run("--", sys.executable, "-c", WHERE) == OURS
    assert run(sys.executable, "-c", nested, WHERE) == OURS
    assert os.listdir(folder) == []


def test_options_and_the_exit_code_are_those_of_the_command() -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    assert run(sys.executable, "-c", code, "--debug", "-w", "x", "--", "y", code=7) == (
        "['--debug', '-w', 'x', '--', 'y']"
    )


def test_a_script_is_run_by_the_interpreter_of_runyard(folder: Path) -> None:
    (folder / "submit.py").write_text("import sys; print(sys.executable, *sys.argv[1:])")
    assert run("submit.py", "--lr", "0.1") == f"{sys.executable} --lr 0.1"


def test_what_is_not_there_is_said(folder: Path) -> None:
    assert run("no-such-program", code=2) == (
        "error: there is no program 'no-such-program' on PATH; give a command, a Python script or "
        "a notebook: runyard exec -- python submit.py"
    )
    assert run("none.py", code=2) == f"error: there is no file 'none.py' in {folder}"


def test_the_path_of_the_user_stays_and_ours_comes_once() -> None:
    first = execution.environment({"PYTHONPATH": "/mine"})
    again = execution.environment(first)
    assert first["PYTHONPATH"].endswith("/runyard/job/path:/mine")
    assert again["PYTHONPATH"] == first["PYTHONPATH"]


def test_a_notebook_needs_what_executes_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "nb.ipynb").write_text("{}")
    monkeypatch.setattr(execution, "find_spec", lambda name: None)
    with pytest.raises(UserErrorException) as caught:
        execution.command(["nb.ipynb"])
    assert caught.value.message == (
        f"'nb.ipynb' is a notebook, and {sys.executable} has not got what executes one: "
        f"{sys.executable} -m pip install papermill ipykernel; or start yours: "
        "runyard exec -- jupyter lab"
    )


@pytest.mark.parametrize("program", ["papermill", "nbconvert"])
def test_a_notebook_is_executed_beside_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (folder / "nb.ipynb").write_text("{}")
    there = (program, "ipykernel")
    monkeypatch.setattr(execution, "find_spec", lambda name: name in there or None)
    argv = execution.command(["nb.ipynb", "-x"])
    assert argv[:3] == [sys.executable, "-m", program]
    assert {"nb.ipynb", "nb.output.ipynb", "-x"} < set(argv)


NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "a",
            "metadata": {},
            "outputs": [],
            "source": "from azureml.core import Workspace\nprint('it is', Workspace.__module__)",
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.mark.parametrize(
    ("program", "kernel"),
    [
        ("papermill", ["--kernel", "python3", "--language", "python"]),
        ("nbconvert", ["--ExecutePreprocessor.kernel_name=python3"]),
    ],
)
def test_only_a_notebook_of_another_language_keeps_its_kernel(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, kernel: list[str]
) -> None:
    there = (program, "ipykernel")
    monkeypatch.setattr(execution, "find_spec", lambda name: name in there or None)
    for language, expected in (("python", kernel), ("", kernel), ("R", [])):
        content = {"cells": [], "metadata": {"kernelspec": {"name": "x", "language": language}}}
        (folder / "nb.ipynb").write_text(json.dumps(content))
        argv = execution.command(["nb.ipynb", "--mine"])
        before = argv[: argv.index("--mine")]  # what the user gives comes later, and wins
        assert [word for word in before if word in kernel] == expected


@pytest.mark.integration
@pytest.mark.parametrize("kernel", ["python3", "python36", "python3-azureml"])
def test_a_real_notebook(folder: Path, kernel: str) -> None:
    (folder / "sub").mkdir()
    notebook = {**NOTEBOOK, "metadata": {"kernelspec": {"display_name": "P", "name": kernel}}}
    (folder / "sub/nb.ipynb").write_text(json.dumps(notebook))
    run("sub/nb.ipynb")
    assert "it is runyard.history.workspace" in (folder / "sub/nb.output.ipynb").read_text()


def test_every_dependency_of_the_client_can_be_lent() -> None:
    required = [Requirement(text) for text in metadata.requires("runyard") or ()]
    own = {canonical_name(r.name) for r in required if "extra" not in str(r.marker or "")}
    assert "py-rattler" in own
    for module, owners in metadata.packages_distributions().items():
        if own & {canonical_name(owner) for owner in owners}:
            assert module in _lending.PACKAGES


def test_an_interpreter_of_the_same_version_borrows_what_it_lacks(
    folder: Path, tmp_path: Path
) -> None:
    """And submits with it: the runner is the one of the interpreter that lends."""
    python = bare_venv(tmp_path / "bare")
    [packages] = (tmp_path / "bare").glob("lib/*/site-packages")
    (packages / "click.py").write_text("mine = True\n")
    (folder / "source").mkdir()
    (folder / "source/train.py").write_text(
        "import os, sys\nfrom azureml.core import Run\n"
        f"assert not os.environ.get('{_lending.VARIABLE}')\n"
        "Run.get_context().log('prefix', sys.prefix)\n"
    )
    (folder / "submit.py").write_text(SUBMIT)
    assert run(python, "submit.py").splitlines()[-1] == f"{{'prefix': '{tmp_path}/bare'}}"
    assert run(python, "-c", "import runyard.azureml, click; print(click.mine)") == "True"
    absent = "import runyard.azureml, pytest"
    assert "No module named 'pytest'" in run(python, "-c", absent, code=1)


@pytest.mark.integration
@pytest.mark.parametrize("version", ["python3.6", "python3.13"])
def test_an_interpreter_of_another_version_says_what_to_install(
    tool: Callable[[str], str], tmp_path: Path, version: str
) -> None:
    if version == "python{}.{}".format(*sys.version_info):
        pytest.skip("it is the same version")
    python = bare_venv(tmp_path / "bare", tool(version))
    use = "from azureml.core import Workspace as w; w(1)"
    said = run(python, "-c", use, code=1).splitlines()[-1]
    assert "MissingClientError: Workspace needs runyard itself in this environment" in said
    advice = (
        f"It cannot be installed in {python}; use {sys.executable}."
        if version == "python3.6"
        else f"Install it there, in a checkout of runyard: {python} -m pip install .; or use "
        f"{sys.executable}."
    )
    assert said.endswith(f" {advice}")
    assert run(python, "-c", "from azureml.core import Run; Run.get_context()") == ""


def test_ours_wins_over_one_that_is_installed(tmp_path: Path) -> None:
    python = bare_venv(tmp_path / "bare")
    [packages] = (tmp_path / "bare").glob("lib/*/site-packages")
    other_azureml.install(packages)
    run(python, "-c", other_azureml.SCRIPT + other_azureml.BESIDE)
    done = subprocess.run([python, "-c", WHERE], capture_output=True, text=True)
    assert done.stdout.strip() == f"{packages}/azureml/core/__init__.py"
