"""``azureml.data.azure_data_lake_datastore``: all storage is one class here (spec 15.1)."""

from runyard import _names

_names.offer(
    __name__,
    AbstractADLSDatastore="StorageDatastore",
    AzureDataLakeDatastore="StorageDatastore",
    AzureDataLakeGen2Datastore="StorageDatastore",
)
