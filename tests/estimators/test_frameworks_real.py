"""Frameworks built from a package index, trained for real. The scripts are those of examples/."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard.environments import pip_settings
from tests.requirements import missing

SCRIPTS = Path(__file__).parents[2] / "examples" / "frameworks"
LEAST = 0.95
"""Accuracy on 500 digits that were not trained with; guessing is 0.1."""

pytestmark = pytest.mark.integration


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    monkeypatch.chdir(tmp_path)
    return runyard.Experiment(workspace, "frameworks")


def train(experiment: Any, estimator: Any) -> tuple[set[str], dict[str, Any]]:
    """Run it; return the packages it ran with, and its metrics."""
    run = experiment.submit(estimator)
    run.wait_for_completion(raise_on_error=False)
    folder = Path(run.directory.path)
    log = (folder / "system_logs" / "environment.txt").read_text()
    if run.get_status() != "Completed" and "cannot be reached" in log:
        missing("index", "no package index can be reached")
    logs = "".join(path.read_text() for path in (folder / "user_logs").glob("*.txt"))
    assert run.get_status() == "Completed", log + logs
    return set(json.loads((folder / "environment.json").read_text())["lock"]), run.get_metrics()


_OLD = [
    ("Chainer", "5.1.0", "chainer==5.1.0"),
    ("Chainer", "7.0.0", "chainer==7.0.0"),
    ("SKLearn", "0.20.3", "scikit-learn==0.20.3"),
    ("TensorFlow", "1.13", "tensorflow==1.13.1"),
]


@pytest.mark.parametrize(("name", "version", "package"), _OLD)
def test_an_old_framework_trains_under_python_3_6(
    experiment: Any, tool: Callable[[str], str], name: str, version: str, package: str
) -> None:
    tool("python3.6")
    estimator = getattr(runyard, name)(
        SCRIPTS,
        compute_target="local",
        entry_script=f"train_{name.lower()}.py",
        script_params={"--least": LEAST},
        framework_version=version,
    )
    assert next(estimator.conda_dependencies.conda_packages) == "python=3.6"
    lock, metrics = train(experiment, estimator)
    assert package in lock
    assert metrics["version"] == package.partition("==")[2]
    assert metrics["accuracy"] >= LEAST


def test_the_current_scikit_learn_trains(experiment: Any, tool: Callable[[str], str]) -> None:
    tool("python3.13")  # it needs 3.11 or later, whatever runs the tests
    estimator = runyard.SKLearn(
        SCRIPTS,
        compute_target="local",
        entry_script="train_sklearn.py",
        framework_version="1.9.1",
        pip_packages=["tqdm"],
        script_params={"--least": LEAST},
    )
    lock, metrics = train(experiment, estimator)
    assert {"scikit-learn==1.9.1"} <= lock
    assert [line for line in lock if line.startswith("tqdm==")]
    assert metrics["version"] == "1.9.1"


def test_the_current_pytorch_trains(experiment: Any, tool: Callable[[str], str]) -> None:
    folders = [Path(folder) for folder in pip_settings.read().find_links]
    if not any(folder.glob("torch-2.13.0+cpu-cp311-*.whl") for folder in folders):
        missing("torch-cpu", "no find-links folder of pip has torch 2.13.0 for CPUs, Python 3.11")
    tool("python3.11")
    estimator = runyard.PyTorch(
        SCRIPTS,
        compute_target="local",
        entry_script="train_pytorch.py",
        framework_version="2.13",
        conda_packages=["python=3.11"],
        # The one on the index does not load beside a build of torch for CPUs.
        script_params={"--least": LEAST, "--without-torchvision": ""},
    )
    lock, metrics = train(experiment, estimator)
    assert "torch==2.13.0+cpu" in lock
    assert metrics["accuracy"] >= LEAST


def test_a_framework_that_the_original_never_had_trains(experiment: Any) -> None:
    estimator = runyard.framework("XGBoost")(
        SCRIPTS,
        compute_target="local",
        entry_script="train_xgboost.py",
        framework_version="3.2",
        script_params={"--least": LEAST},
    )
    lock, metrics = train(experiment, estimator)
    assert "xgboost-cpu==3.2.0" in lock
    assert metrics["version"] == "3.2.0"
