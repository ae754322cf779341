"""``azureml.core.resource_configuration``."""

from runyard import _names

_names.offer(__name__, absent={"deployment": ("ResourceConfiguration",)})
