"""``azureml.core.compute.kubernetescompute``."""

from runyard import _names

_names.offer(
    __name__,
    "KubernetesCompute",
)
