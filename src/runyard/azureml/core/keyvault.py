"""``azureml.core.keyvault``."""

from runyard import _names

_names.offer(__name__, "Keyvault")
