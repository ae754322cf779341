"""``azureml.data.abstract_datastore``."""

from runyard import _names

_names.offer(__name__, AbstractDatastore="StorageDatastore")
