"""``Environment``: what a user says about the Python a script runs under (spec 6)."""

from __future__ import annotations

import copy
import json
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from runyard.environments.build_methods import BuildMethods
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.docker_section import DockerSection
from runyard.environments.folder_methods import FolderMethods
from runyard.environments.image_methods import ImageMethods
from runyard.environments.other_sections import DatabricksSection, RSection, SparkSection
from runyard.environments.registry_methods import RegistryMethods
from runyard.environments.sections import PythonSection, Section
from runyard.errors import UserErrorException


class Environment(RegistryMethods, FolderMethods, ImageMethods, BuildMethods, Section):
    """A named description of packages, interpreter and container.

    ``name`` (str; anything else raises TypeError). ``version`` (None until registered).
    ``python`` (PythonSection), ``docker`` (DockerSection). ``environment_variables`` (dict of
    str to str, empty: the placeholder of the original reached every script). ``spark``, ``r``
    (None), ``databricks``, ``inferencing_stack_version`` (None) and ``asset_id`` (None) are kept
    for code and files of SDK v1; a run that needs them is refused. Setting any other attribute
    raises AttributeError.
    """

    _names = (
        "name",
        "version",
        "asset_id",
        "python",
        "environment_variables",
        "docker",
        "spark",
        "databricks",
        "r",
        "inferencing_stack_version",
    )
    _parts: ClassVar = {"r": RSection}

    def __init__(self, name: str) -> None:
        _check_name(name)
        self.name = name
        self.version: str | None = None
        self.asset_id: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.databricks = DatabricksSection()
        self.r: RSection | None = None
        self.inferencing_stack_version: str | None = None
        self.environment_variables: dict[str, str] = {}

    def clone(self, new_name: str) -> Environment:
        """Return an independent copy under a new name, without a version.

        Raises TypeError for a name that is not text, UserErrorException for an empty one.
        """
        _check_name(new_name)
        if not new_name:
            raise UserErrorException("clone: new_name is empty; give the copy a name")
        twin = self._copied()
        twin.name = new_name
        twin.version = None
        twin.asset_id = None
        return twin

    def _copied(self) -> Environment:
        return copy.deepcopy(self)

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

    @staticmethod
    def from_existing_conda_environment(
        name: str, conda_environment_name: str
    ) -> Environment | None:
        """Make an environment of the packages in a conda environment of this machine.

        Needs conda 4.4 or later on PATH. As in SDK v1, None is returned and the reason printed
        when conda or the environment is missing (spec 6).
        """
        from runyard.environments import conda_export

        return conda_export.environment(name, conda_environment_name)

    @staticmethod
    def from_run(run: Any) -> Environment:
        """The environment of a run with exactly the packages it had, read from its lock.

        Raises UserErrorException when the run's environment was not built.
        """
        from runyard.environments import locking

        return locking.of_run(run)

    def __str__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"

    def __repr__(self) -> str:
        from runyard.environments import plain

        return json.dumps(plain.section(self), indent=4, sort_keys=True)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"Environment: name must be a str, not {type(name).__name__}: {name!r}")


def _existing(file_path: str | PathLike[str], caller: str) -> Path:
    path = Path(file_path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"Environment.{caller}: there is no file {str(path)!r}")
    return path.resolve()
