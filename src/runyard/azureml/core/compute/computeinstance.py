"""``azureml.core.compute.computeinstance``."""

from runyard import _names

_names.offer(
    __name__,
    "ComputeInstance",
)
