"""``Environment``: what a user says about the Python a script runs under (spec 6)."""

from __future__ import annotations

import copy
import json
from os import PathLike
from pathlib import Path

from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.sections import DockerSection, PythonSection, Section
from runyard.errors import UserErrorException


class Environment(Section):
    """A named description of packages, interpreter and container.

    ``name`` (str; anything else raises TypeError). ``version`` (None until registered).
    ``python`` (PythonSection), ``docker`` (DockerSection). ``environment_variables`` (dict of
    str to str, empty: the placeholder of the original reached every script). Setting any other
    attribute raises AttributeError.
    """

    _names = ("name", "version", "python", "docker", "environment_variables")

    def __init__(self, name: str) -> None:
        _check_name(name)
        self.name = name
        self.version: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {}

    def clone(self, new_name: str) -> Environment:
        """Return an independent copy under a new name, without a version.

        Raises TypeError for a name that is not text, UserErrorException for an empty one.
        """
        _check_name(new_name)
        if not new_name:
            raise UserErrorException("clone: new_name is empty; give the copy a name")
        twin = copy.deepcopy(self)
        twin.name = new_name
        twin.version = None
        return twin

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """Make an environment of a requirements file; its lines are kept as they are.

        ``pip_version`` adds the conda package ``pip=<pip_version>``. Raises FileNotFoundError
        when there is no such file. Paths in the file are relative to it.
        """
        environment = Environment(name)
        path = _existing(file_path, "from_pip_requirements")
        dependencies = environment.python.conda_dependencies
        dependencies.read_pip_requirements(path)
        dependencies.add_conda_package(f"pip={pip_version}" if pip_version else "pip")
        return environment

    @staticmethod
    def from_conda_specification(name: str, file_path: str | PathLike[str]) -> Environment:
        """Make an environment of a conda YAML file.

        Its keys are name, channels, dependencies, prefix and variables; any other raises
        UserErrorException. ``variables`` become ``environment_variables``. A file without
        python uses the submitting interpreter's version. Raises FileNotFoundError.
        """
        environment = Environment(name)
        path = _existing(file_path, "from_conda_specification")
        dependencies = CondaDependencies(str(path))
        environment.python.conda_dependencies = dependencies
        variables = dependencies.as_dict().get("variables") or {}
        environment.environment_variables = {str(k): str(v) for k, v in variables.items()}
        return environment

    def __str__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"

    def __repr__(self) -> str:
        python = vars(self.python) | {
            "conda_dependencies": self.python.conda_dependencies.as_dict()
        }
        parts = vars(self) | {"python": python, "docker": vars(self.docker)}
        return json.dumps(parts, indent=4, sort_keys=True, default=str)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"Environment: name must be a str, not {type(name).__name__}: {name!r}")


def _existing(file_path: str | PathLike[str], caller: str) -> Path:
    path = Path(file_path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"Environment.{caller}: there is no file {str(path)!r}")
    return path.resolve()
