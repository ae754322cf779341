"""``azureml.data.data_reference`` (spec 15.2)."""

from runyard import _names

_names.offer(__name__, "DataReference")
