"""``azureml.train.hyperdrive.policy``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "hyperdrive": (
            "BanditPolicy",
            "EarlyTerminationPolicy",
            "MedianStoppingPolicy",
            "NoTerminationPolicy",
            "TruncationSelectionPolicy",
        )
    },
)
