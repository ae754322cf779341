"""``azureml.core.compute.compute``."""

from runyard import _names

_names.offer(
    __name__,
    "ComputeTarget",
    "ComputeTargetException",
    "ComputeTargetProvisioningConfiguration",
)
