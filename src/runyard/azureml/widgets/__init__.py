"""``azureml.widgets``."""

from runyard import _names

_names.offer(__name__, "RunDetails")
