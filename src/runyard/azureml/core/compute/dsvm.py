"""``azureml.core.compute.dsvm``."""

from runyard import _names

_names.offer(
    __name__,
    "DsvmCompute",
)
