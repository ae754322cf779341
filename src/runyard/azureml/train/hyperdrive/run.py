"""``azureml.train.hyperdrive.run``."""

from runyard import _names

_names.offer(__name__, absent={"hyperdrive": ("HyperDriveRun",)})
