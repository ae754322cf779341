"""runyard: the Estimator system of Azure ML SDK v1, self-hosted and open.

Public names are imported when they are first used; ``_names`` says where they live.
"""

from runyard._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from runyard.computes.amlcompute import AmlCompute
    from runyard.computes.amlcompute_status import AmlComputeStatus, ScaleSettings
    from runyard.computes.compute_target import ComputeTarget
    from runyard.computes.elsewhere import (
        AdlaCompute,
        AksCompute,
        BatchCompute,
        ComputeInstance,
        DatabricksCompute,
        DataFactoryCompute,
        DsvmCompute,
        HDInsightCompute,
        KubernetesCompute,
        RemoteCompute,
        SynapseCompute,
    )
    from runyard.computes.provisioning import (
        AmlComputeProvisioningConfiguration,
        ComputeTargetProvisioningConfiguration,
    )
    from runyard.computes.slurm.compute import SlurmCompute
    from runyard.config.data_sections import DataReferenceConfiguration
    from runyard.config.run_configuration import RunConfiguration
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.config.sections import (
        DockerConfiguration,
        MpiConfiguration,
        ParallelTaskConfiguration,
        PyTorchConfiguration,
        TensorflowConfiguration,
    )
    from runyard.data.consumption import DatasetConsumptionConfig
    from runyard.data.datapath import DataPath, DataPathComputeBinding
    from runyard.data.datastore import Datastore
    from runyard.data.output_config import OutputFileDatasetConfig
    from runyard.data.reference import DataReference
    from runyard.data.storage import StorageDatastore
    from runyard.environments.conda_dependencies import CondaDependencies
    from runyard.environments.container_sections import ContainerRegistry, DockerBuildContext
    from runyard.environments.environment import Environment
    from runyard.errors import (
        ActivityFailedException,
        AuthenticationException,
        ComputeTargetException,
        EnvironmentException,
        ExperimentExecutionException,
        ModelNotFoundException,
        ModelPathNotFoundException,
        ProjectSystemException,
        RunConfigurationException,
        RunEnvironmentException,
        RunWriteException,
        RunyardError,
        SnapshotException,
        TrainingException,
        UserErrorException,
        WebserviceException,
        WorkspaceException,
    )
    from runyard.estimators.base import MMLBaseEstimator
    from runyard.estimators.base_run_config import MMLBaseEstimatorRunConfig
    from runyard.estimators.distributed import Gloo, Mpi, Nccl, ParameterServer
    from runyard.estimators.dnn import Chainer, PyTorch, TensorFlow
    from runyard.estimators.estimator import Estimator
    from runyard.estimators.framework import FrameworkEstimator, framework
    from runyard.estimators.sklearn import SKLearn
    from runyard.history.experiment import Experiment
    from runyard.history.model import Model
    from runyard.history.run import Run
    from runyard.history.workspace import Workspace
    from runyard.job.datasets.api import Dataset
    from runyard.job.datasets.file import FileDataset
    from runyard.job.datasets.tabular import TabularDataset
    from runyard.job.keyvault import Keyvault
    from runyard.widgets.run_details import RunDetails

__all__ = [
    "ActivityFailedException",
    "AdlaCompute",
    "AksCompute",
    "AmlCompute",
    "AmlComputeProvisioningConfiguration",
    "AmlComputeStatus",
    "AuthenticationException",
    "BatchCompute",
    "Chainer",
    "ComputeInstance",
    "ComputeTarget",
    "ComputeTargetException",
    "ComputeTargetProvisioningConfiguration",
    "CondaDependencies",
    "ContainerRegistry",
    "DataFactoryCompute",
    "DataPath",
    "DataPathComputeBinding",
    "DataReference",
    "DataReferenceConfiguration",
    "DatabricksCompute",
    "Dataset",
    "DatasetConsumptionConfig",
    "Datastore",
    "DockerBuildContext",
    "DockerConfiguration",
    "DsvmCompute",
    "Environment",
    "EnvironmentException",
    "Estimator",
    "Experiment",
    "ExperimentExecutionException",
    "FileDataset",
    "FrameworkEstimator",
    "Gloo",
    "HDInsightCompute",
    "Keyvault",
    "KubernetesCompute",
    "MMLBaseEstimator",
    "MMLBaseEstimatorRunConfig",
    "Model",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "Mpi",
    "MpiConfiguration",
    "Nccl",
    "OutputFileDatasetConfig",
    "ParallelTaskConfiguration",
    "ParameterServer",
    "ProjectSystemException",
    "PyTorch",
    "PyTorchConfiguration",
    "RemoteCompute",
    "Run",
    "RunConfiguration",
    "RunConfigurationException",
    "RunDetails",
    "RunEnvironmentException",
    "RunWriteException",
    "RunyardError",
    "SKLearn",
    "ScaleSettings",
    "ScriptRunConfig",
    "SlurmCompute",
    "SnapshotException",
    "StorageDatastore",
    "SynapseCompute",
    "TabularDataset",
    "TensorFlow",
    "TensorflowConfiguration",
    "TrainingException",
    "UserErrorException",
    "WebserviceException",
    "Workspace",
    "WorkspaceException",
    "framework",
    "__version__",
]


def __getattr__(name: str) -> "Any":
    if name.startswith("__") or name not in __all__:
        raise AttributeError("module 'runyard' has no attribute {!r}".format(name))
    from runyard import _names

    return _names.lazily(__name__, __all__)(name)


def __dir__() -> "List[str]":
    return sorted({*globals(), *__all__})
