"""``azureml.data.dataset_error_handling``."""

from runyard import _names

_names.offer(__name__, "DatasetExecutionError", "DatasetValidationError")
