"""``azureml.core.compute.remote``."""

from runyard import _names

_names.offer(
    __name__,
    "RemoteCompute",
)
