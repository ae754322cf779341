"""``azureml.core.runconfig`` (spec 5)."""

from runyard import _names

from .default_images import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

__all__ = ["DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE", "MPI_CPU_IMAGE", "MPI_GPU_IMAGE"]
MPI_CPU_IMAGE, MPI_GPU_IMAGE = DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

_names.offer(
    __name__,
    "AmlComputeConfiguration",
    "ComputeTarget",
    "CondaDependencies",
    "ContainerRegistry",
    "Data",
    "DataLocation",
    "DataReferenceConfiguration",
    "DatabricksSection",
    "DatasetConsumptionConfig",
    "DockerConfiguration",
    "DockerSection",
    "Environment",
    "HdiConfiguration",
    "HistoryConfiguration",
    "MpiConfiguration",
    "OutputData",
    "ParallelTaskConfiguration",
    "PyTorchConfiguration",
    "PythonSection",
    "RunConfiguration",
    "RunConfigurationException",
    "SparkConfiguration",
    "SparkSection",
    "TensorflowConfiguration",
    "UserErrorException",
    absent={
        "databricks": ("DatabricksCluster", "EggLibrary", "JarLibrary", "MavenLibrary"),
    },
    DataPath="DataPathLocation",
    Dataset="DatasetSection",
    DockerEnvironment="DockerSection",
    EnvironmentDefinition="Environment",
    PythonEnvironment="PythonSection",
    SparkEnvironment="SparkSection",
)
