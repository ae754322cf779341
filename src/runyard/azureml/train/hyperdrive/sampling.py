"""``azureml.train.hyperdrive.sampling``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "hyperdrive": (
            "BayesianParameterSampling",
            "GridParameterSampling",
            "HyperParameterSampling",
            "RandomParameterSampling",
        )
    },
)
