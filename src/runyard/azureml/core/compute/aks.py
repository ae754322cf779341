"""``azureml.core.compute.aks``."""

from runyard import _names

_names.offer(
    __name__,
    "AksCompute",
)
