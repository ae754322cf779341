"""``RunConfiguration``: everything about a run but its source folder (spec 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runyard.config import serialised
from runyard.config.sections import (
    DockerConfiguration,
    HistoryConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.sections import Section
from runyard.errors import RunConfigurationException

DEFAULT_ENVIRONMENT_NAME = "default-environment"
DEFAULT_TARGET = "local"

_LATER = frozenset(
    (
        "priority",
        "spark",
        "hdi",
        "data_references",
        "data",
        "datacaches",
        "output_data",
        "source_directory_data_store",
        "amlcompute",
        "auto_cluster_compute_specification",
        "kubernetescompute",
        "credential_passthrough",
        "services",
    )
)


class RunConfiguration(Section):
    """What runs, where, in which environment.

    ``script`` (path inside the source folder, None), ``arguments`` (list, []), ``command``
    (text or list, ''), ``target`` (name of a compute target, 'local'; an object with a ``name``
    may be assigned), ``framework`` ('Python'), ``communicator`` ('None'), ``node_count`` (1),
    ``environment`` (Environment), ``environment_variables`` (dict of the script's variables,
    they win over those of the environment), ``max_run_duration_seconds`` (None: no limit), and
    the sections ``history``, ``docker``, ``mpi``, ``tensorflow``, ``pytorch``, ``paralleltask``.

    ``conda_dependencies`` becomes ``environment.python.conda_dependencies``. Setting an
    attribute that does not exist raises AttributeError.
    """

    _names = (
        "script",
        "arguments",
        "command",
        "target",
        "framework",
        "communicator",
        "max_run_duration_seconds",
        "node_count",
        "environment",
        "history",
        "docker",
        "tensorflow",
        "mpi",
        "pytorch",
        "paralleltask",
        "environment_variables",
    )

    def __init__(  # noqa: PLR0917
        self,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        _history_enabled: bool | None = None,
        _path: str | None = None,
        _name: str | None = None,
        command: str | Sequence[Any] | None = None,
    ) -> None:
        if _path is not None or _name is not None:
            raise RunConfigurationException(
                "RunConfiguration: _path and _name (.runconfig files) are not built yet in this "
                "version; set the attributes of a new RunConfiguration instead"
            )
        self.script = script
        self.arguments: Any = copied(arguments)
        self.command: Any = "" if command is None else command
        self.target = DEFAULT_TARGET
        self.framework = framework or "Python"
        self.communicator = communicator or "None"
        self.max_run_duration_seconds: float | None = None
        self.node_count = 1
        self.environment = Environment(DEFAULT_ENVIRONMENT_NAME)
        self.history = HistoryConfiguration()
        self.docker = DockerConfiguration()
        self.tensorflow = TensorflowConfiguration()
        self.mpi = MpiConfiguration()
        self.pytorch = PyTorchConfiguration()
        self.paralleltask = ParallelTaskConfiguration()
        self.environment_variables: dict[str, Any] = {}
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        if _history_enabled is not None:
            self.history.output_collection = bool(_history_enabled)

    @property
    def auto_prepare_environment(self) -> bool:
        """Always True: environments are always prepared (deprecated in SDK v1)."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """The configuration as ``get_details()['runDefinition']`` shows it.

        Keys are lowerCamelCase, values of secret variables are ``***`` and credentials in URLs
        of package indexes are left out.
        """
        return serialised.section(self)

    def __repr__(self) -> str:
        what = f"command={self.command!r}" if self.command else f"script={self.script!r}"
        return f"RunConfiguration({what}, target={self.target!r})"

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, target_name(value) if name == "target" else value)

    if not TYPE_CHECKING:  # mypy is to find misspelt names as well

        def __getattr__(self, name):
            raise AttributeError(self._unknown(name))

    def _unknown(self, name: str) -> str:
        if name in _LATER:
            return f"RunConfiguration.{name} is not built yet in this version"
        return super()._unknown(name)


def target_name(target: object) -> str:
    """The name of a compute target given as text or as an object with a ``name``.

    Raises RunConfigurationException for anything else; '' and None are looked at on submit.
    """
    name = getattr(target, "name", target)
    if name is None:
        return ""
    if isinstance(name, str):
        return name
    raise RunConfigurationException(
        f"compute_target is {target!r} of type {type(target).__name__}; give the name of a "
        "compute target such as 'local', or a compute target object"
    )


def copied(items: Any) -> Any:
    """A copy of a list or tuple as a list, [] for None; anything else is refused on submit."""
    if items is None:
        return []
    return list(items) if isinstance(items, (list, tuple)) else items
