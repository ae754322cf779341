"""The setting default_python: the Python of environments that name none."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import CondaDependencies, Environment, resolve
from runyard.environments.conda_planning import CondaPart
from runyard.errors import UserErrorException
from tests.environments.conftest import Plan

VARIABLE = "RUNYARD_DEFAULT_PYTHON"
OWN = "{}.{}.{}".format(*sys.version_info[:3])
MINOR = "{}.{}".format(*sys.version_info[:2])


@pytest.mark.parametrize("version", ["3.6", "3.8"])
def test_a_version(
    plan: Plan, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    tool(f"python{version}")
    usual, named = plan("numpy"), plan("numpy", python=version)
    monkeypatch.setenv(VARIABLE, version)
    spec = plan("numpy")
    assert (spec.interpreter, spec.key) == (named.interpreter, named.key)
    assert spec.python_version.startswith(f"{version}.")
    assert usual.python_version == OWN


def test_an_environment_that_names_one_keeps_it(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "3.99")
    assert plan("numpy", python=MINOR).python_version.startswith(f"{MINOR}.")


def test_a_path_even_of_a_virtual_environment(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = plan("numpy")
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    monkeypatch.setenv(VARIABLE, str(link))
    assert plan("numpy").key == usual.key
    assert plan("numpy").interpreter == os.path.realpath(sys.executable)


@pytest.mark.parametrize(("given", "python"), [("3.6", "3.6"), (sys.executable, MINOR)])
def test_conda_brings_it(
    source: Path, monkeypatch: pytest.MonkeyPatch, given: str, python: str
) -> None:
    monkeypatch.setenv(VARIABLE, given)
    part = CondaPart(CondaDependencies.create(conda_packages=["scipy"]), source)
    assert part.packages == (f"python={python}", "scipy")
    assert part.python_version == python
    named = CondaDependencies.create(conda_packages=["scipy"], python_version="3.9")
    assert CondaPart(named, source).python_version == "3.9"


def test_an_image_has_its_own(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3.99")
    environment = Environment("train")
    environment.docker.base_image = "base:1"
    environment.python.conda_dependencies.add_pip_package("numpy")
    assert resolve(environment, source_directory=source).python_version == ""


def test_a_version_that_is_not_there_names_the_setting(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "3.99")
    with pytest.raises(UserErrorException) as raised:
        plan("numpy")
    assert raised.value.message.startswith(
        f"the variable {VARIABLE}: Python 3.99 is not on this machine. Found were:"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("new", "that is no version and no absolute path"),
        ("bin/python", "that is no version and no absolute path"),
        ("2.7", "that is no version and no absolute path"),
        ("/no/such/python", "there is no such file"),
        ("{file}", "it does not start: "),
    ],
)
def test_what_cannot_be_used(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, why: str
) -> None:
    (tmp_path / "text").write_text("no program")
    given = given.format(file=tmp_path / "text")
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(UserErrorException, match=re.escape(f"{VARIABLE} is {given!r}: {why}")) as e:
        plan("numpy")
    assert "; give a version such as '3.6', or the absolute path of a Python 3.6 or later" in str(
        e.value
    )
