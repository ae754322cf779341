"""``azureml.train.hyperdrive.exceptions``."""

from runyard import _names

_names.offer(
    __name__,
    "HyperDriveConfigException",
    "HyperDriveNotImplementedException",
    "HyperDriveRehydrateException",
    "HyperDriveScenarioNotSupportedException",
)
