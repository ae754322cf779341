"""``azureml.core.workspace``."""

from runyard import _names

_names.offer(__name__, "Workspace", "WorkspaceException")
