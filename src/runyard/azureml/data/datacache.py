"""``azureml.data.datacache``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("DatacacheHydrationTracker", "DatacacheStore")})
