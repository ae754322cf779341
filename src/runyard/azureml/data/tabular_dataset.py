"""``azureml.data.tabular_dataset``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("TabularDataset",)})
