"""``azureml.train.sklearn``."""

from runyard import _names

_names.offer(__name__, "SKLearn")
