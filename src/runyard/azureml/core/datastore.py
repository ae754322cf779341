"""``azureml.core.datastore``."""

from runyard import _names

_names.offer(__name__, "Datastore")
