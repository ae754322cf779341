"""Public names and where they live; each is imported when it is first used.

One table for ``runyard``, for ``azureml.*`` and for the two shims a training script imports
(``job/path``). Standard library only, Python 3.6 and later.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional

NAMES: "Dict[str, str]" = {
    "AdlaCompute": "runyard.computes.elsewhere:AdlaCompute",
    "AksCompute": "runyard.computes.elsewhere:AksCompute",
    "AmlCompute": "runyard.computes.amlcompute:AmlCompute",
    "AmlComputeProvisioningConfiguration": (
        "runyard.computes.provisioning:AmlComputeProvisioningConfiguration"
    ),
    "AmlComputeStatus": "runyard.computes.amlcompute_status:AmlComputeStatus",
    "BatchCompute": "runyard.computes.elsewhere:BatchCompute",
    "Chainer": "runyard.estimators.dnn:Chainer",
    "ComputeInstance": "runyard.computes.elsewhere:ComputeInstance",
    "ComputeTarget": "runyard.computes.compute_target:ComputeTarget",
    "ComputeTargetProvisioningConfiguration": (
        "runyard.computes.provisioning:ComputeTargetProvisioningConfiguration"
    ),
    "CondaDependencies": "runyard.environments.conda_dependencies:CondaDependencies",
    "ContainerRegistry": "runyard.environments.container_sections:ContainerRegistry",
    "DataFactoryCompute": "runyard.computes.elsewhere:DataFactoryCompute",
    "DataPath": "runyard.data.datapath:DataPath",
    "DataPathComputeBinding": "runyard.data.datapath:DataPathComputeBinding",
    "DataReference": "runyard.data.reference:DataReference",
    "DataReferenceConfiguration": "runyard.config.data_sections:DataReferenceConfiguration",
    "DatabricksCompute": "runyard.computes.elsewhere:DatabricksCompute",
    "Dataset": "runyard.job.datasets.api:Dataset",
    "DatasetConsumptionConfig": "runyard.data.consumption:DatasetConsumptionConfig",
    "Datastore": "runyard.data.datastore:Datastore",
    "DockerBuildContext": "runyard.environments.container_sections:DockerBuildContext",
    "DockerConfiguration": "runyard.config.sections:DockerConfiguration",
    "DsvmCompute": "runyard.computes.elsewhere:DsvmCompute",
    "Environment": "runyard.environments.environment:Environment",
    "Estimator": "runyard.estimators.estimator:Estimator",
    "Experiment": "runyard.history.experiment:Experiment",
    "FileDataset": "runyard.job.datasets.file:FileDataset",
    "FrameworkEstimator": "runyard.estimators.framework:FrameworkEstimator",
    "Gloo": "runyard.estimators.distributed:Gloo",
    "HDInsightCompute": "runyard.computes.elsewhere:HDInsightCompute",
    "KubernetesCompute": "runyard.computes.elsewhere:KubernetesCompute",
    "Keyvault": "runyard.job.keyvault:Keyvault",
    "MMLBaseEstimator": "runyard.estimators.base:MMLBaseEstimator",
    "MMLBaseEstimatorRunConfig": "runyard.estimators.base_run_config:MMLBaseEstimatorRunConfig",
    "Model": "runyard.history.model:Model",
    "Mpi": "runyard.estimators.distributed:Mpi",
    "MpiConfiguration": "runyard.config.sections:MpiConfiguration",
    "Nccl": "runyard.estimators.distributed:Nccl",
    "OutputFileDatasetConfig": "runyard.data.output_config:OutputFileDatasetConfig",
    "ParallelTaskConfiguration": "runyard.config.sections:ParallelTaskConfiguration",
    "ParameterServer": "runyard.estimators.distributed:ParameterServer",
    "PyTorch": "runyard.estimators.dnn:PyTorch",
    "PyTorchConfiguration": "runyard.config.sections:PyTorchConfiguration",
    "RemoteCompute": "runyard.computes.elsewhere:RemoteCompute",
    "Run": "runyard.history.run:Run",
    "RunDetails": "runyard.widgets.run_details:RunDetails",
    "RunConfiguration": "runyard.config.run_configuration:RunConfiguration",
    "SKLearn": "runyard.estimators.sklearn:SKLearn",
    "ScaleSettings": "runyard.computes.amlcompute_status:ScaleSettings",
    "ScriptRunConfig": "runyard.config.script_run_config:ScriptRunConfig",
    "SlurmCompute": "runyard.computes.slurm.compute:SlurmCompute",
    "StorageDatastore": "runyard.data.storage:StorageDatastore",
    "SynapseCompute": "runyard.computes.elsewhere:SynapseCompute",
    "TabularDataset": "runyard.job.datasets.tabular:TabularDataset",
    "TensorFlow": "runyard.estimators.dnn:TensorFlow",
    "TensorflowConfiguration": "runyard.config.sections:TensorflowConfiguration",
    "Workspace": "runyard.history.workspace:Workspace",
    "framework": "runyard.estimators.framework:framework",
}
"""Name → ``module:attribute``."""

SDK_NAMES: "Dict[str, str]" = {
    "AbstractDataset": "runyard.job.datasets.dataset:AbstractDataset",
    "AmlComputeConfiguration": "runyard.config.data_sections:AmlComputeConfiguration",
    "Data": "runyard.config.dataset_sections:Data",
    "DataLocation": "runyard.config.dataset_sections:DataLocation",
    "DataPathLocation": "runyard.config.dataset_sections:DataPathLocation",
    "DataType": "runyard.job.datasets.types:DataType",
    "DatasetExecutionError": "runyard.job.datasets.types:DatasetExecutionError",
    "DatasetSection": "runyard.config.dataset_sections:Dataset",
    "DatabricksSection": "runyard.environments.other_sections:DatabricksSection",
    "DatasetValidationError": "runyard.job.datasets.types:DatasetValidationError",
    "DockerSection": "runyard.environments.docker_section:DockerSection",
    "FileEncoding": "runyard.job.datasets.types:FileEncoding",
    "FileDatasetFactory": "runyard.job.datasets.factories:FileDatasetFactory",
    "HdiConfiguration": "runyard.config.data_sections:HdiConfiguration",
    "HistoryConfiguration": "runyard.config.sections:HistoryConfiguration",
    "ImageBuildDetails": "runyard.environments.build_details:ImageBuildDetails",
    "LocalTarget": "runyard.computes.names:LocalTarget",
    "OutputData": "runyard.config.dataset_sections:OutputData",
    "OutputDatasetConfig": "runyard.data.output_config:OutputDatasetConfig",
    "OutputTabularDatasetConfig": "runyard.data.output_config:OutputTabularDatasetConfig",
    "PromoteHeadersBehavior": "runyard.job.datasets.types:PromoteHeadersBehavior",
    "PythonSection": "runyard.environments.sections:PythonSection",
    "RSection": "runyard.environments.other_sections:RSection",
    "ScriptRun": "runyard.history.run:ScriptRun",
    "SkipLinesBehavior": "runyard.job.datasets.types:SkipLinesBehavior",
    "SparkConfiguration": "runyard.config.data_sections:SparkConfiguration",
    "SparkPackage": "runyard.environments.other_sections:SparkPackage",
    "SparkSection": "runyard.environments.other_sections:SparkSection",
    "TabularDatasetFactory": "runyard.job.datasets.tabular_factory:TabularDatasetFactory",
    "get_run_config_from_script_run": (
        "runyard.config.script_run_config:get_run_config_from_script_run"
    ),
    "get_run": "runyard.history.run:get_run",
}
"""Names that only ``azureml`` offers."""

IN_SCRIPTS: "Dict[str, str]" = {
    "Model": "runyard.job.model:Model",
    "Run": "runyard.job.run:Run",
}
"""What these names are inside a run, and where the client's dependencies are not installed."""

WITHOUT_CLIENT: "Dict[str, str]" = {
    "Datastore": "runyard.job.datastore:Datastore",
}
"""What these names are where the client's dependencies are not installed."""

ERRORS = (
    "ActivityFailedException",
    "AuthenticationException",
    "ComputeTargetException",
    "EnvironmentException",
    "ExperimentExecutionException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "ProjectSystemException",
    "RunConfigurationException",
    "RunEnvironmentException",
    "RunWriteException",
    "RunyardError",
    "SnapshotException",
    "TrainingException",
    "UserErrorException",
    "WebserviceException",
    "WorkspaceException",
)
"""Names of ``runyard.errors``."""

SDK_ERRORS = (
    "ActivityCanceledException",
    "DatasetTimestampMissingError",
    "DiscoveryUrlNotFoundException",
    "HyperDriveConfigException",
    "HyperDriveNotImplementedException",
    "HyperDriveRehydrateException",
    "HyperDriveScenarioNotSupportedException",
    "ParallelRunException",
)
"""Names of ``runyard.errors`` that only ``azureml`` offers."""

CLIENT_PYTHON = (3, 10)
"""Oldest Python the client runs under."""

_CLIENT_NEEDS = ("blake3", "msgspec")


class MissingClientError(ImportError):
    """A name needs runyard with its dependencies, and this environment has not got them."""


def get(name: str) -> "Any":
    """The object of a public name. Raises KeyError for an unknown name, MissingClientError."""
    if name in ERRORS or name in SDK_ERRORS:
        return load("runyard.errors:" + name)
    if name in IN_SCRIPTS and (os.environ.get("RUNYARD_RUN_DIRECTORY") or _lacking()):
        return load(IN_SCRIPTS[name])
    if name in WITHOUT_CLIENT and _lacking():
        return load(WITHOUT_CLIENT[name])
    return load(NAMES.get(name) or SDK_NAMES[name])


def load(place: str, asked: "Optional[str]" = None) -> "Any":
    """The object at ``module:attribute``. Raises MissingClientError.

    ``asked``: what the user called, where it is not that object.
    """
    import importlib

    module, _, attribute = place.partition(":")
    lacking = None if module.startswith(_PORTABLE) else _lacking()
    if lacking is not None:
        raise MissingClientError(_missing(asked or attribute, lacking))
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("runyard", ""):
            raise
        why = "no module {!r}".format(error.name)
        raise MissingClientError(_missing(asked or attribute, why), name=module) from error


def _lacking() -> "Optional[str]":
    """What this environment has that the client cannot run with; None where it can."""
    from importlib.util import find_spec

    if sys.version_info < CLIENT_PYTHON:
        return "Python {}.{}".format(*sys.version_info)
    absent = [name for name in _CLIENT_NEEDS if find_spec(name) is None]
    if absent and _borrowed():
        absent = [name for name in _CLIENT_NEEDS if find_spec(name) is None]
    return "no module {!r}".format(absent[0]) if absent else None


def _borrowed() -> bool:
    from runyard import _lending

    return _lending.borrow()


_PORTABLE = ("runyard.job", "runyard.record", "runyard.errors")


def _missing(name: str, why: str) -> str:
    from runyard import _lending

    return (
        "{} needs runyard itself in this environment, which has {}. Scripts have Run, Model, "
        "Dataset and Datastore everywhere; submitting runs and browsing workspaces is done where "
        "runyard is installed, or in a run with user_managed=True whose interpreter has it "
        "(Python {}.{} or later).{}".format(
            name, why, *CLIENT_PYTHON, _lending.advice(CLIENT_PYTHON)
        )
    )


def lazily(
    module: str, names: "Iterable[str]", aliases: "Optional[Dict[str, str]]" = None
) -> "Callable[[str], Any]":
    """A ``__getattr__`` for a module that offers these public names.

    A name that needs what this environment has not got can be imported all the same, and says so
    when it is used: scripts import beside Run what only the notebook needs. ``aliases``: other
    names, by the public name each is of.
    """
    places = {name: name for name in names}
    places.update(aliases or {})

    def find(name: str) -> "Any":
        if name not in places:
            raise AttributeError("module {!r} has no attribute {!r}".format(module, name))
        try:
            value = get(places[name])
        except MissingClientError as error:
            from runyard import _stand_ins

            return _stand_ins.stand_in(name, str(error), MissingClientError)
        setattr(sys.modules[module], name, value)
        return value

    return find


def offer(
    module: str, *names: str, absent: "Optional[Dict[str, Iterable[str]]]" = None, **aliases: str
) -> None:
    """Give a module these public names: ``__all__``, ``__getattr__`` and ``__dir__``.

    ``absent``: names that are not here, by the subject of ``_stand_ins`` that says why; ``import
    *`` gives them too, so that a later cell gets the sentence and no NameError.
    ``aliases``: other names it offers, with the public name each is of.
    """
    target: "Any" = sys.modules[module]
    here = lazily(module, names, aliases)
    subjects = {name: subject for subject, without in (absent or {}).items() for name in without}
    target.__all__ = [*vars(target).get("__all__", ()), *names, *aliases, *subjects]

    def find(name: str) -> "Any":
        return _absent(target, name, subjects[name]) if name in subjects else here(name)

    def listing() -> "List[str]":
        return sorted({*vars(target), *names, *aliases, *subjects})

    target.__getattr__, target.__dir__ = find, listing
    if sys.version_info < (3, 7):  # a module's own __getattr__ came with 3.7, its class with 3.5
        methods = {"__getattr__": lambda self, name: find(name), "__dir__": lambda self: listing()}
        target.__class__ = type("LazyModule", (type(sys),), methods)


def _absent(target: "Any", name: str, subject: str) -> "Any":
    from runyard import _stand_ins

    module = target.__name__.replace("runyard.azureml", "azureml")
    stand_in = _stand_ins.of(module, name, subject)
    setattr(target, name, stand_in)
    return stand_in
