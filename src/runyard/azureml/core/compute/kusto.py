"""``azureml.core.compute.kusto``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("KustoCompute",)})
