"""``azureml.data.dataset_profile``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("DatasetProfile",)})
