"""``azureml.core.workspace``."""

from runyard import _names

_names.offer(
    __name__,
    "AmlCompute",
    "ComputeTarget",
    "Keyvault",
    "Model",
    "ProjectSystemException",
    "UserErrorException",
    "Workspace",
    "WorkspaceException",
)
