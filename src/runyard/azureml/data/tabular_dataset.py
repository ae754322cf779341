"""``azureml.data.tabular_dataset`` (spec 15.3)."""

from runyard import _names

_names.offer(__name__, "TabularDataset")
