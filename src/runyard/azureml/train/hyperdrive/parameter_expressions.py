"""``azureml.train.hyperdrive.parameter_expressions``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "hyperdrive": (
            "choice",
            "lognormal",
            "loguniform",
            "normal",
            "qlognormal",
            "qloguniform",
            "qnormal",
            "quniform",
            "randint",
            "uniform",
        )
    },
)
