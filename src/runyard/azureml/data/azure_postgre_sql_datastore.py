"""``azureml.data.azure_postgre_sql_datastore``."""

from runyard import _names

_names.offer(__name__, absent={"azure": ("AzurePostgreSqlDatastore",)})
