"""``azureml.core.dataset`` (spec 15.3)."""

from runyard import _names

_names.offer(__name__, "Dataset")
