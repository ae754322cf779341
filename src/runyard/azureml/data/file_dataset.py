"""``azureml.data.file_dataset``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("FileDataset",)})
