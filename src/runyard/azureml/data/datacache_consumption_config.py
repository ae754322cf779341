"""``azureml.data.datacache_consumption_config``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("DatacacheConsumptionConfig",)})
