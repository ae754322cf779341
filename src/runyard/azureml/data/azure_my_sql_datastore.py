"""``azureml.data.azure_my_sql_datastore``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("AzureMySqlDatastore",)})
