"""``azureml.data.dataset_action_run``."""

from runyard import _names

_names.offer(__name__, absent={"datasets": ("DatasetActionRun",)})
