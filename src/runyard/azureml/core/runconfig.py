"""``azureml.core.runconfig`` (spec 5)."""

from runyard import _names
from runyard.azureml.core.default_images import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

__all__ = ["DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE", "MPI_CPU_IMAGE", "MPI_GPU_IMAGE"]
MPI_CPU_IMAGE, MPI_GPU_IMAGE = DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

_names.offer(
    __name__,
    "ContainerRegistry",
    "DataReferenceConfiguration",
    "DockerConfiguration",
    "MpiConfiguration",
    "ParallelTaskConfiguration",
    "PyTorchConfiguration",
    "RunConfiguration",
    "TensorflowConfiguration",
    EnvironmentDefinition="Environment",
)
