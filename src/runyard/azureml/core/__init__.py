"""``azureml.core``: the names scripts import from it."""

from runyard import _names

__all__ = ["VERSION"]
VERSION = __version__ = "1.61.0"  # of SDK v1, whose interface this is: code prints and compares it

_names.offer(
    __name__,
    "ComputeTarget",
    "ContainerRegistry",
    "Dataset",
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
        "deployment": ("Image", "Webservice"),
    },
)
