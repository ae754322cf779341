"""``azureml.data.dataset_factory`` (spec 15.3)."""

from runyard import _names

_names.offer(__name__, "DataType", "FileDatasetFactory", "TabularDatasetFactory")
