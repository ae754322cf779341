"""``azureml.data.dbfs_datastore``."""

from runyard import _names

_names.offer(__name__, absent={"databricks": ("DBFSDatastore",)})
