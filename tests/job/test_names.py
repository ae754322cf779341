import importlib
import os
import subprocess
import sys

import pytest

import runyard
from runyard import _names, errors
from tests.job.conftest import JOB_PATH

EXPECTED = {*_names.NAMES, *_names.ERRORS, "__version__"}


def test_the_table_and_the_package_offer_the_same_names() -> None:
    assert set(runyard.__all__) == EXPECTED
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined == {*_names.ERRORS, *_names.SDK_ERRORS}


def test_inside_a_run_names_are_those_of_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_RUN_DIRECTORY", "/somewhere")
    assert _names.get("Run").__module__ == "runyard.job.run"
    assert _names.get("Model").__module__ == "runyard.job.model"
    monkeypatch.delenv("RUNYARD_RUN_DIRECTORY")
    assert _names.get("Run").__module__ == "runyard.history.run"
    assert _names.get("Model").__module__ == "runyard.history.model"


def test_a_missing_dependency_is_not_a_missing_module_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: "os.PathLike[str]"
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, missing in (("needs_dependency", "not_installed"), ("broken", "runyard.no_such")):
        with open(os.path.join(tmp_path, name + ".py"), "w") as stream:
            stream.write(f"import {missing}\n")
    with pytest.raises(
        _names.MissingClientError, match=r"Thing needs .* no module 'not_installed'"
    ):
        _names.load("needs_dependency:Thing")
    with pytest.raises(ModuleNotFoundError, match=r"runyard\.no_such") as caught:
        _names.load("broken:Thing")
    assert not isinstance(caught.value, _names.MissingClientError)


@pytest.mark.parametrize(
    "module",
    [
        "core",
        "core.conda_dependencies",
        "core.container_registry",
        "core.environment",
        "core.experiment",
        "core.model",
        "core.run",
        "core.runconfig",
        "core.script_run_config",
        "core.workspace",
        "exceptions",
        "train.dnn",
        "train.estimator",
        "train.sklearn",
    ],
)
def test_the_azureml_tree_offers_what_it_says(module: str) -> None:
    found = importlib.import_module("runyard.azureml." + module)
    assert found.__all__
    for name in found.__all__:
        value = getattr(found, name)
        constant = isinstance(value, (str, list)) and name.isupper()
        assert constant or value.__module__.startswith("runyard.")
        assert name in dir(found)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = found.nothing


HEAVY = "typing pathlib shutil uuid tempfile logging numbers subprocess random socket ssl zipfile"
LOADED = """
import sys
from azureml.core import Run
run = Run.get_context()
run.log("a", 0.5, step=1)
run.tag("a")
print(sorted(set(sys.modules) & set(sys.argv[1].split())))
"""


def test_a_script_imports_nothing_heavy(
    submitted_directory: "runyard.record.layout.RunDirectory",
) -> None:
    env = {"PYTHONPATH": str(JOB_PATH), "RUNYARD_RUN_DIRECTORY": submitted_directory.path}
    command = [sys.executable, "-S", "-c", LOADED, HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.stdout, done.stderr) == ("[]\n", "")
