"""``azureml.data.sql_data_reference``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("SqlDataReference",)})
