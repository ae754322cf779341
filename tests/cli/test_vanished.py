"""An interpreter that is gone after an environment was built with it, end to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import cache
from tests.cli.fixtures import Invoke, run_directory
from tests.cli.processes import wait_for
from tests.wheelhouse import Wheelhouse

pytestmark = pytest.mark.integration


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    wheels = Wheelhouse(tmp_path / "wheels")
    for name, value in wheels.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    wheels.add("lib", "1.0")
    return wheels


@pytest.fixture
def copied(tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of CPython 3.6, first on PATH; the one it is a copy of is found later."""
    code = "import sys; print(sys.executable); print(sys.prefix)"
    asked = subprocess.run([tool("python3.6"), "-c", code], capture_output=True, text=True)
    program, prefix = asked.stdout.split()
    folder = tmp_path / "copied"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python3.6"
    shutil.copy2(os.path.realpath(program), python)
    for library in ("lib", "include"):
        (folder / library).symlink_to(Path(prefix, library))
    path = f"{os.path.dirname(os.path.realpath(program))}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{path}")
    return python


def _log(project: Path, run_id: str) -> str:
    return Path(run_directory(project, run_id).environment_log).read_text()


@pytest.mark.parametrize("how", ["submit", "rerun"])
def test_it_is_built_again_with_a_notice(
    invoke: Invoke, project: Path, wheelhouse: Wheelhouse, copied: Path, how: str
) -> None:
    (project / "train.py").write_text(
        "import lib, os, sys; print(os.path.realpath(sys.executable))\n"
    )
    submit = ("submit", "-f", "--json", "--python", "3.6", "--pip", "lib", "train.py")
    assert str(copied) in invoke(*submit).err
    copied.rename(copied.with_name("moved"))
    words = submit if how == "submit" else ("rerun", "-f", "--json", "last")
    said = invoke(*words)
    assert said.code == 0, said.err
    environment = "'default-environment'"
    notice = (
        f"the Python that environment {environment} was built with is gone ({copied}); the "
        "environment is built again with /"
    )
    assert f"note: {notice}" in said.words
    log = _log(project, said.json["run_id"])
    assert f"  note: {notice}" in log
    assert "Built in " in log
    # Once only.
    again = invoke(*words)
    assert again.code == 0
    assert "Built in" not in _log(project, again.json["run_id"])
    assert ("note:" in again.err) == (how == "rerun")  # it has the notices of the run before


def test_without_another_one_a_rerun_says_what_there_is(
    invoke: Invoke, project: Path, wheelhouse: Wheelhouse
) -> None:
    (project / "train.py").write_text("import lib\n")
    run_id = invoke("submit", "-f", "--json", "--pip", "lib", "train.py").json["run_id"]
    file = Path(run_directory(project, run_id).run_json)
    record = json.loads(file.read_text())
    record["spec"]["environment"].update(interpreter="/gone/python3.5", python_version="3.5.1")
    file.write_text(json.dumps(record))
    said = invoke("rerun", run_id)
    assert said.code == 2
    assert f"the interpreter of run {run_id} is no longer there: /gone/python3.5;" in said.words
    assert "Python 3.5 is not on this machine. Found were:" in said.words


def test_a_build_whose_python_was_removed_is_built_again(
    invoke: Invoke, project: Path, wheelhouse: Wheelhouse
) -> None:
    key = invoke("env", "build", "--pip", "lib", "--json").json["key"]
    Path(cache.prefix(key), "bin", "python").unlink()
    said = invoke("env", "build", "--pip", "lib")
    assert (
        f"The Python of {cache.prefix(key)} is gone since it was built: building again" in said.out
    )
    assert "Built in " in said.out


def test_an_interpreter_used_as_it_is(
    invoke: Invoke, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone before the rerun, and gone between the plan and the start."""
    python = tmp_path / "mine" / "python"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    (project / "train.py").write_text("print(1)\n")
    from runyard import Environment, Experiment, ScriptRunConfig, Workspace

    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = str(python)
    experiment = Experiment(Workspace.create("demo", path=str(project)), "mine")
    config = ScriptRunConfig(str(project), "train.py", environment=environment)
    run = experiment.submit(config)
    run.wait_for_completion()
    python.unlink()
    said = invoke("rerun", run.id)
    assert said.code == 2
    assert (
        f"the interpreter of run {run.id} is no longer there: {python}; put it back, or submit the "
        "script again with another one, see: runyard doctor" in said.words
    )
    # As if it had gone in the moment after the check.
    monkeypatch.setattr("runyard.config.resubmission.os.access", lambda *_: True)
    late = invoke("rerun", "--json", run.id).json["run_id"]
    wait_for(lambda: invoke("show", late, "--json").json["status"] == "Failed")
    shown = invoke("show", late, "--json").json
    assert shown["reason"] == "environment_failed"
    assert shown["error"]["message"] == (
        f"The interpreter {python} does not start: No such file or directory"
    )
