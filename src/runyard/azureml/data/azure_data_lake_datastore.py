"""``azureml.data.azure_data_lake_datastore``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "azure": (
            "AbstractADLSDatastore",
            "AzureDataLakeDatastore",
            "AzureDataLakeGen2Datastore",
        )
    },
)
