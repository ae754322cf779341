"""A cache and a wheel folder of its own for every test, and none of the machine's pip settings."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.planning import resolve
from runyard.environments.spec import EnvironmentSpec
from tests.container_engines import BASE
from tests.environments.image_worker import ImagePlan
from tests.wheelhouse import Wheelhouse

Plan = Callable[..., EnvironmentSpec]


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    wheels = Wheelhouse(tmp_path / "wheels")
    wheels.folder.mkdir()
    for name, value in wheels.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Wheelhouse:
    return Wheelhouse(tmp_path / "wheels")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def plan(source: Path) -> Plan:
    """Return a function from pip lines (and a Python version) to the plan."""

    def make(*lines: str, python: str | None = None, name: str = "demo") -> EnvironmentSpec:
        environment = Environment(name)
        dependencies = CondaDependencies.create(pip_packages=lines, python_version=python)
        environment.python.conda_dependencies = dependencies
        return resolve(environment, source_directory=source)

    return make


@pytest.fixture
def image_plan(source: Path, monkeypatch: pytest.MonkeyPatch) -> ImagePlan:
    """Return a function from pip lines to the plan of an environment in the base image."""
    # Nothing is fetched: what an image has not is an error at once.
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")

    def make(
        *lines: str,
        image: str = BASE,
        dockerfile: str = "",
        python: str | None = None,
        refresh: bool = False,
        edit: Callable[[Environment], object] = lambda environment: None,
    ) -> EnvironmentSpec:
        environment = Environment("Demo 1")
        dependencies = CondaDependencies.create(pip_packages=lines, python_version=python)
        environment.python.conda_dependencies = dependencies
        if dockerfile:
            environment.docker.base_dockerfile = dockerfile
        else:
            environment.docker.base_image = image
        edit(environment)
        return resolve(environment, source_directory=source, refresh=refresh)

    return make
