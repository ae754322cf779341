"""``azureml.data.azure_postgre_sql_datastore``: all storage is one class here (spec 15.1)."""

from runyard import _names

_names.offer(__name__, AzurePostgreSqlDatastore="StorageDatastore")
