"""``azureml.core.environment`` (spec 6)."""

from runyard import _names

from .default_images import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

__all__ = ["DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE"]
_names.offer(
    __name__,
    "CondaDependencies",
    "ContainerRegistry",
    "DatabricksSection",
    "DockerBuildContext",
    "DockerSection",
    "Environment",
    "ImageBuildDetails",
    "PythonSection",
    "RSection",
    "SparkPackage",
    "SparkSection",
    "UserErrorException",
    DockerEnvironment="DockerSection",
    PythonEnvironment="PythonSection",
    SparkEnvironment="SparkSection",
)
