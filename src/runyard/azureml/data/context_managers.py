"""``azureml.data.context_managers``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("DatasetContextManager", "DatastoreContextManager")})
