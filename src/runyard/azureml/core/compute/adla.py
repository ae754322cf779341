"""``azureml.core.compute.adla``."""

from runyard import _names

_names.offer(
    __name__,
    "AdlaCompute",
)
