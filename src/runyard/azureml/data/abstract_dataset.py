"""``azureml.data.abstract_dataset``."""

from runyard import _names

_names.offer(__name__, "AbstractDataset")
