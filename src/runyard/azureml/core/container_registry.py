"""``azureml.core.container_registry``."""

from runyard import _names

_names.offer(__name__, "ContainerRegistry")
