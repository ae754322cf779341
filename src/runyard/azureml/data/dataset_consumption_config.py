"""``azureml.data.dataset_consumption_config``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("DatasetConsumptionConfig",)})
