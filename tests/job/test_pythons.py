"""The script's side under the oldest, an old and the newest Python, without anything installed."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.job import context
from runyard.record import layout
from runyard.record.metrics import read_metrics
from tests.job.conftest import JOB_PATH

SCRIPT = Path(__file__).parent / "every_method.py"

pytestmark = pytest.mark.integration
Tool = Callable[[str], str]


@pytest.fixture(params=["python3.6", "python3.8", "python3.13"])
def python(tool: Tool, request: pytest.FixtureRequest) -> str:
    """An interpreter itself: pyenv's shims on PATH need more of the environment than a script."""
    code = "import sys; print(sys.executable)"
    done = subprocess.run([tool(request.param), "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_script(
    python: str, folder: Path, directory: "layout.RunDirectory | None", locale: str
) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.defpath, "PYTHONPATH": str(JOB_PATH), "LC_ALL": locale}
    env["PYTHONIOENCODING"] = "utf-8"
    env["TMPDIR"] = str(folder.parent)
    if directory is not None:
        env.update(context.variables(directory, {}, "ws", "/no/python"))
    command = [python, "-S", "-s", "-W", "error", "-W", "ignore:Run.number"]
    command += ["-W", "ignore:a script cannot cancel", str(SCRIPT), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_every_method_works_offline(python: str, locale: str, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    done = run_script(python, folder, None, locale)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("every method was called\n")
    assert list(tmp_path.glob("runyard-offline-*")) == []


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_every_method_works_in_a_run(
    python: str, locale: str, submitted_directory: layout.RunDirectory, tmp_path: Path
) -> None:
    work = Path(submitted_directory.work)
    done = run_script(python, work, submitted_directory, locale)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_metrics(submitted_directory, "list") == {"list": [1, 2]}
    assert (work / "outputs" / "model.pkl").read_bytes() == b"m"


CLIENT_NAMES = """
import runyard, azureml.core
from runyard import Run, Model, UserErrorException
assert runyard.__version__
assert set(runyard.__all__) <= set(dir(runyard)), set(runyard.__all__) - set(dir(runyard))
assert not hasattr(runyard, "nothing")
assert Run is azureml.core.Run and Run.__module__ == "runyard.job.run", Run
from runyard import Estimator
from azureml.core import Workspace
assert not isinstance(Run, (Estimator, Workspace))
for use in (Estimator, lambda: Workspace.from_config(), lambda: type("Mine", (Estimator,), {})):
    try:
        use()
    except ImportError as error:
        assert error.name in ("Estimator", "Workspace")
        print(error)
"""


def test_other_names_say_what_they_need(python: str, tmp_path: Path) -> None:
    env = {"PATH": os.defpath, "PYTHONPATH": str(JOB_PATH)}
    command = [python, "-S", "-c", CLIENT_NAMES]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    message, *others = done.stdout.splitlines()
    assert [other.split(" needs ")[0] for other in others] == ["Workspace", "Estimator"]
    assert message.startswith("Estimator needs runyard itself in this environment, which has ")
    assert "Scripts have Run, Model, Dataset and Datastore everywhere" in message
    assert "pip_packages" not in message
