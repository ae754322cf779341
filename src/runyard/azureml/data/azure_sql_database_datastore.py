"""``azureml.data.azure_sql_database_datastore``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("AzureSqlDatabaseDatastore",)})
