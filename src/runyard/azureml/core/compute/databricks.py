"""``azureml.core.compute.databricks``."""

from runyard import _names

_names.offer(
    __name__,
    "DatabricksCompute",
)
