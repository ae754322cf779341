"""``azureml.core``: the names scripts import from it."""

from runyard import _names
from runyard.azureml.core.version import VERSION

__all__ = ["VERSION"]
__version__ = VERSION
_names.offer(
    __name__,
    "ComputeTarget",
    "ContainerRegistry",
    "Datastore",
    "Environment",
    "Experiment",
    "Keyvault",
    "Model",
    "Run",
    "RunConfiguration",
    "ScriptRun",
    "ScriptRunConfig",
    "Workspace",
    "get_run",
    absent={
        "azure": (
            "LinkedService",
            "PrivateEndPoint",
            "PrivateEndPointConfig",
            "SynapseWorkspaceLinkedServiceConfiguration",
        ),
        "datasets": ("Dataset",),
        "deployment": ("Image", "Webservice"),
    },
)
