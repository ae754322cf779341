"""``azureml.core.compute.batch``."""

from runyard import _names

_names.offer(
    __name__,
    "BatchCompute",
)
