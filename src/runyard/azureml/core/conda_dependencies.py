"""``azureml.core.conda_dependencies``."""

from runyard import _names

_names.offer(__name__, "CondaDependencies", "UserErrorException")
