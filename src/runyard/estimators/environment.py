"""The environment that an estimator's package parameters describe (spec 2.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runyard.config.run_configuration import DEFAULT_ENVIRONMENT_NAME
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.errors import TrainingException


def assembled(
    *,
    pip_packages: Any,
    requirements_file: Path | None,
    conda_packages: Any,
    user_managed: bool,
) -> Environment:
    """A new environment; the lists given are not changed.

    Lines of the file come first; lines of the same package are joined. Raises
    TrainingException when a parameter is not a list of text.
    """
    environment = Environment(DEFAULT_ENVIRONMENT_NAME)
    environment.python.user_managed_dependencies = bool(user_managed)
    dependencies = environment.python.conda_dependencies
    packages = _texts("pip_packages", pip_packages)
    if requirements_file is not None:
        dependencies.read_pip_requirements(requirements_file)
    if packages:
        lines = [*dependencies.pip_lines, *packages]
        dependencies.set_pip_requirements(CondaDependencies.merge_requirements(lines))
    for package in _texts("conda_packages", conda_packages):
        dependencies.add_conda_package(package)
    return environment


def from_conda_file(path: Path) -> Environment:
    """A new environment of a conda file, as it stands: nothing is added to it (spec 2.5).

    Raises UserErrorException when it is not a conda file.
    """
    return Environment.from_conda_specification(DEFAULT_ENVIRONMENT_NAME, path)


def _texts(parameter: str, items: Any) -> list[str]:
    if items is None:
        return []
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise TrainingException(
            f"{parameter} is {items!r}; give a list of text, such as ['numpy==1.26.4', 'scipy']"
        )
    return list(items)
