"""``azureml.train.estimator``."""

from runyard import _names

_names.offer(
    __name__,
    "Estimator",
    "Gloo",
    "MMLBaseEstimator",
    "MMLBaseEstimatorRunConfig",
    "Mpi",
    "Nccl",
    "ParameterServer",
    _FrameworkBaseEstimator="FrameworkEstimator",
)
