"""``azureml.train.hyperdrive.runconfig``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "hyperdrive": (
            "HyperDriveConfig",
            "HyperDriveRunConfig",
            "PrimaryMetricGoal",
        )
    },
)
