"""``azureml.train.hyperdrive``: importable; what is used of it says that sweeps come later."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "hyperdrive": (
            "BanditPolicy",
            "BayesianParameterSampling",
            "EarlyTerminationPolicy",
            "GridParameterSampling",
            "HyperDriveConfig",
            "HyperDriveRun",
            "HyperDriveRunConfig",
            "HyperParameterSampling",
            "MedianStoppingPolicy",
            "NoTerminationPolicy",
            "PrimaryMetricGoal",
            "RandomParameterSampling",
            "TruncationSelectionPolicy",
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
