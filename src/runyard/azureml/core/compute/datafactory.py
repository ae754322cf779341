"""``azureml.core.compute.datafactory``."""

from runyard import _names

_names.offer(
    __name__,
    "DataFactoryCompute",
)
