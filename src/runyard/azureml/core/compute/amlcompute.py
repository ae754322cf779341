"""``azureml.core.compute.amlcompute``."""

from runyard import _names

_names.offer(
    __name__,
    "AmlCompute",
    "AmlComputeProvisioningConfiguration",
    "AmlComputeStatus",
    "ComputeTargetException",
    "ScaleSettings",
)
