"""The curated environments: their names, that they cannot be edited, and that copies can."""

import copy
import inspect
import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.environments import CondaDependencies, Environment, curated, resolve
from runyard.environments.requirement_lines import read
from runyard.errors import UserErrorException

NAMES = curated.names()
READING = {
    "as_dict",
    "create",
    "get_default_number_of_packages",
    "get_python_version",
    "merge_requirements",
    "save",
    "save_to_file",
    "serialize_to_string",
}


@pytest.fixture
def minimal() -> Environment:
    return Environment.get(None, "AzureML-Tutorial")


@pytest.mark.parametrize(
    "name",
    [
        "AzureML-Tutorial",
        "AzureML-Minimal",
        "AzureML-TensorFlow-2.2-GPU",
        "AzureML-PyTorch-1.6-GPU",
        "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu",
        "AzureML-Chainer-5.1.0-GPU",
    ],
)
def test_the_historical_names_are_there(name: str) -> None:
    assert Environment.get(None, name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_every_definition_can_be_read(name: str, tmp_path: Path) -> None:
    environment = Environment.get(None, name)
    dependencies = environment.python.conda_dependencies
    assert read(dependencies.pip_lines, {}, tmp_path).requirements == [*dependencies.pip_packages]
    assert environment.version == "1"


@pytest.mark.parametrize(
    "edit",
    [
        lambda env: setattr(env, "name", "x"),
        lambda env: setattr(env, "python", None),
        lambda env: setattr(env.python, "interpreter_path", "x"),
        lambda env: setattr(env.docker, "base_image", "x"),
        lambda env: setattr(env.docker.base_image_registry, "address", "x"),
        lambda env: setattr(env.spark, "precache_packages", False),
        lambda env: env.python.conda_dependencies.add_pip_package("x"),
        lambda env: env.python.conda_dependencies.set_python_version("3.9"),
        lambda env: env.environment_variables.update(A="1"),
        lambda env: env.environment_variables.__setitem__("A", "1"),
    ],
)
def test_an_edit_is_refused(minimal: Environment, edit: Callable[[Environment], Any]) -> None:
    before = repr(minimal)
    text = "'AzureML-Tutorial' is a curated environment and cannot be edited; edit a copy: env = "
    with pytest.raises(UserErrorException, match=re.escape(text)) as raised:
        edit(minimal)
    assert ".clone('my-env')" in str(raised.value)
    assert repr(minimal) == before


def test_lists_of_it_cannot_be_edited(minimal: Environment) -> None:
    with pytest.raises(AttributeError, match="append"):
        minimal.docker.arguments.append("--privileged")


def test_every_method_that_edits_packages_is_refused(minimal: Environment) -> None:
    dependencies = minimal.python.conda_dependencies
    for name, _ in inspect.getmembers(CondaDependencies, inspect.isfunction):
        if name.startswith("_") or name in READING:
            continue
        with pytest.raises(UserErrorException, match=f"{name} cannot be used: 'AzureML-Tutorial'"):
            getattr(dependencies, name)("x")


def test_a_clone_can_be_edited(minimal: Environment) -> None:
    twin = minimal.clone("mine")
    twin.python.conda_dependencies.add_pip_package("extra")
    twin.environment_variables["A"] = "1"
    twin.docker.enabled = True
    assert (twin.name, twin.version, type(twin)) == ("mine", None, Environment)
    assert "extra" not in list(minimal.python.conda_dependencies.pip_packages)


def test_copies_stay_as_they_are(minimal: Environment) -> None:
    assert repr(copy.deepcopy(minimal)) == repr(minimal)
    assert pickle.loads(pickle.dumps(minimal)).name == minimal.name


def test_one_can_be_planned(minimal: Environment, tmp_path: Path) -> None:
    spec = resolve(minimal, source_directory=tmp_path)
    assert "pandas" in spec.requirements


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserErrorException) as raised:
        Environment.get(None, "AzureML-PyTorch-1.7-GPU")
    assert raised.value.message == (
        "there is no curated environment 'AzureML-PyTorch-1.7-GPU'; near names are "
        "AzureML-PyTorch-1.6-GPU, AzureML-PyTorch-1.5-GPU, AzureML-PyTorch-1.4-GPU; "
        f"Environment.list(ws) has all {len(NAMES)}. Or describe your own: "
        "Environment.from_pip_requirements('my-env', 'requirements.txt')"
    )
    with pytest.raises(UserErrorException, match=r"'Microsoft'; Environment.list\(ws\) has all"):
        Environment.get(None, "Microsoft")


def test_the_page_lists_every_name() -> None:
    page = (Path(__file__).parents[2] / "docs" / "environment-registry.md").read_text()
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("- `AzureML-")]
    assert listed == [*NAMES]


def test_another_version_gives_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert Environment.get(None, "AzureML-Minimal", version="46").version == "1"
    assert "has one definition here, version 1; version='46' is not looked at" in caplog.text
