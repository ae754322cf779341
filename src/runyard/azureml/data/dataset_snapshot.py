"""``azureml.data.dataset_snapshot``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("DatasetSnapshot",)})
