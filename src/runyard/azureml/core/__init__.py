"""``azureml.core``: the names scripts import from it."""

from runyard import _names

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
    "ScriptRunConfig",
    "Workspace",
    absent={"datasets": ("Dataset",)},
)
