"""``azureml.core.experiment``."""

from runyard import _names

_names.offer(__name__, "Experiment", "UserErrorException")
