"""``RunConfiguration``: everything about a run but its source folder (spec 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from runyard.config.data_sections import (
    AmlComputeConfiguration,
    DataReferenceConfiguration,
    HdiConfiguration,
    KubernetesComputeConfiguration,
    SparkConfiguration,
)
from runyard.config.dataset_sections import Data, InputsByName, OutputData, OutputsByName
from runyard.config.sections import (
    DockerConfiguration,
    HistoryConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments import plain
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.sections import Section
from runyard.errors import RunConfigurationException

DEFAULT_ENVIRONMENT_NAME = "default-environment"
DEFAULT_TARGET = "local"
_BY_NAME: dict[str, type[InputsByName]] = {"data": InputsByName, "output_data": OutputsByName}


class RunConfiguration(Section):
    """What runs, where, in which environment.

    ``script`` (path inside the source folder, None), ``arguments`` (list, []), ``command``
    (text or list, ''), ``target`` (name of a compute target, 'local'; an object with a ``name``
    may be assigned), ``framework`` ('Python'), ``communicator`` ('None'), ``node_count`` (1),
    ``environment`` (Environment), ``environment_variables`` (dict of the script's variables,
    they win over those of the environment), ``max_run_duration_seconds`` (None: no limit),
    ``data_references`` (dict of DataReferenceConfiguration by name), ``data`` and ``output_data``
    (dicts of Data and of OutputData by name: the datasets a run reads and leaves; inputs and
    outputs themselves may stand in them too),
    ``source_directory_data_store`` (name of a datastore that the script gets too, None), and the
    sections ``history``, ``docker``, ``mpi``, ``tensorflow``, ``pytorch``, ``paralleltask`` and
    ``amlcompute`` (of it ``vm_size`` and ``vm_priority``). ``use_gpu`` (None; SDK v1 has it on
    estimators only): True for a script that needs a GPU. ``max_restarts`` (None: 0; runyard only):
    how often a run is started again in the same folder when it was lost, since the machine was
    restarted or all its processes were killed; never for what the script did itself.
    The others of SDK v1 are kept as data, and submit refuses what they ask for: ``priority``,
    ``spark``, ``hdi``, ``datacaches``,
    ``auto_cluster_compute_specification``, ``kubernetescompute``, ``credential_passthrough``,
    ``services``.

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
        "priority",
        "environment",
        "history",
        "spark",
        "docker",
        "hdi",
        "tensorflow",
        "mpi",
        "pytorch",
        "paralleltask",
        "data_references",
        "data",
        "datacaches",
        "output_data",
        "source_directory_data_store",
        "amlcompute",
        "auto_cluster_compute_specification",
        "kubernetescompute",
        "credential_passthrough",
        "environment_variables",
        "services",
        "use_gpu",
        "max_restarts",
    )
    _ours = ("use_gpu", "max_restarts")
    _keys: ClassVar = {"services": "applicationEndpoints"}
    _parts: ClassVar = {
        "data_references": DataReferenceConfiguration,
        "data": Data,
        "output_data": OutputData,
    }

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
        self._keep_as_data()
        self._remember_place(_path, _name)
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        if _history_enabled is not None:
            self.history.output_collection = bool(_history_enabled)

    def _keep_as_data(self) -> None:
        """The sections that have no meaning here yet."""
        self.priority: int | None = None
        self.spark = SparkConfiguration()
        self.hdi = HdiConfiguration()
        self.data_references: dict[str, DataReferenceConfiguration] = {}
        self.data: dict[str, Any] = {}
        self.datacaches: list[Any] = []
        self.output_data: dict[str, Any] = {}
        self.source_directory_data_store: str | None = None
        self.amlcompute = AmlComputeConfiguration()
        self.auto_cluster_compute_specification: Any = None
        self.kubernetescompute = KubernetesComputeConfiguration()
        self.credential_passthrough = False
        self.services: dict[str, Any] = {}
        self.use_gpu: bool | None = None
        self.max_restarts: int | None = None

    @property
    def auto_prepare_environment(self) -> bool:
        """Always True: environments are always prepared (deprecated in SDK v1)."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """The configuration as ``get_details()['runDefinition']`` shows it.

        Keys are lowerCamelCase, values of secret variables are ``***`` and credentials in URLs
        of package indexes are left out.
        """
        return plain.section(self)

    def save(
        self,
        path: str | PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> str:
        """Write the configuration as a ``.runconfig`` file; returns its path.

        ``path``: the project folder ('.'), whose ``.azureml`` (``aml_config`` if it is there)
        takes the file ``name``, with ``.runconfig`` added where it has no suffix; or the path of
        the file. The conda dependencies are written beside it, and with
        ``separate_environment_yaml`` the environment too. Without both, where it was loaded from.
        Secrets are not written; a warning names them. Raises UserErrorException without a name.
        """
        from runyard.config import runconfig_file

        given = (path, name) if path is not None or name is not None else self._place()
        written = runconfig_file.save(self, *given, separate_environment_yaml)
        self._remember_place(*given)
        return written

    @staticmethod
    def load(path: str | PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read a ``.runconfig`` file: ``path`` itself, or ``name`` in the project folder ``path``.

        Keys may be in camelCase, PascalCase or snake_case, and of the oldest format
        (ArgumentVector, CondaDependenciesFile). Raises UserErrorException when there is no such
        file, or it cannot be read as one.
        """
        from runyard.config import runconfig_file

        loaded = runconfig_file.load(path, name)
        loaded._remember_place(path, name)
        return loaded

    @staticmethod
    def delete(path: str | PathLike[str], name: str) -> None:
        """Remove the ``.runconfig`` file. Raises UserErrorException when there is none."""
        from runyard.config import runconfig_file

        runconfig_file.delete(path, name)

    def _remember_place(self, path: str | PathLike[str] | None, name: str | None) -> None:
        self.__dict__["_saved_at"] = (path, name)

    def _place(self) -> tuple[str | PathLike[str] | None, str | None]:
        place: tuple[str | PathLike[str] | None, str | None] = self.__dict__["_saved_at"]
        return place

    def __repr__(self) -> str:
        what = f"command={self.command!r}" if self.command else f"script={self.script!r}"
        return f"RunConfiguration({what}, target={self.target!r})"

    def __setattr__(self, name: str, value: Any) -> None:
        kind = _BY_NAME.get(name)
        if kind is not None and isinstance(value, Mapping):
            value = kind(value)
        super().__setattr__(name, target_name(value) if name == "target" else value)

    if not TYPE_CHECKING:  # mypy is to find misspelt names as well

        def __getattr__(self, name):
            raise AttributeError(self._unknown(name))


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
