"""``azureml.data.dataset_definition``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("DatasetDefinition",)})
