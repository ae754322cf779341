"""``azureml.core.compute_target``: what code imports from it (spec 14)."""

from runyard import _names

_names.offer(
    __name__,
    "ComputeTarget",
    "ComputeTargetException",
    "ComputeTargetProvisioningConfiguration",
    "LocalTarget",
)
