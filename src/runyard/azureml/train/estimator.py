"""``azureml.train.estimator``."""

from runyard import _names

_names.offer(
    __name__,
    "Estimator",
    MMLBaseEstimator="Estimator",
    _FrameworkBaseEstimator="FrameworkEstimator",
)
