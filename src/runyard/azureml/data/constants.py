"""``azureml.data.constants``: words of the modes, and the datastore that every workspace has."""

from runyard import _names

DIRECT_MODE = "direct"
DOWNLOAD_MODE = "download"
MOUNT_MODE = "mount"
UPLOAD_MODE = "upload"
WORKSPACE_BLOB_DATASTORE = "workspaceblobstore"

__all__ = (
    "DIRECT_MODE",
    "DOWNLOAD_MODE",
    "MOUNT_MODE",
    "UPLOAD_MODE",
    "WORKSPACE_BLOB_DATASTORE",
)

_names.offer(__name__, absent={"azure": ("WORKSPACE_FILE_DATASTORE",)})
