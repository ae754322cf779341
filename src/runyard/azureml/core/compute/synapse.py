"""``azureml.core.compute.synapse``."""

from runyard import _names

_names.offer(
    __name__,
    "SynapseCompute",
)
