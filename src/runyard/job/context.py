"""The environment variables by which a script finds its run: written by the runner, read here."""

import os

from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional

RUN_DIRECTORY = "RUNYARD_RUN_DIRECTORY"
RUN_ID = "RUNYARD_RUN_ID"
EXPERIMENT = "RUNYARD_EXPERIMENT"
WORKSPACE = "RUNYARD_WORKSPACE"
"""The workspace folder."""
PYTHON = "RUNYARD_PYTHON"
"""The interpreter runyard itself is installed in."""
RESTART_COUNT = "RUNYARD_RESTART_COUNT"
"""How often the run was started before: not 0 where its target has queued it again."""


def variables(
    run: RunDirectory, spec: "Mapping[str, Any]", workspace_name: str, python: str
) -> "Dict[str, str]":
    """What every process of a run finds in its environment (spec 9.7). Pure.

    The variables of SDK v1 that lead to its service (tokens, endpoints, ids of subscriptions) are
    left out, or say ``local`` where scripts print them.
    """
    outputs, logs = os.path.join(run.work, "outputs"), os.path.join(run.work, "logs")
    scope = "/subscriptions/local/resourceGroups/local/workspaces/" + workspace_name
    return {
        RUN_DIRECTORY: run.path,
        RUN_ID: run.id,
        EXPERIMENT: run.experiment,
        WORKSPACE: run.workspace.path,
        PYTHON: python,
        RESTART_COUNT: str(spec.get("attempt") or 0),
        "AZUREML_RUN_ID": run.id,
        "AZUREML_ARM_PROJECT_NAME": run.experiment,
        "AZUREML_ARM_WORKSPACE_NAME": workspace_name,
        "AZUREML_ARM_SUBSCRIPTION": "local",
        "AZUREML_ARM_RESOURCEGROUP": "local",
        "AZUREML_WORKSPACE_SCOPE": scope,
        "AZUREML_EXPERIMENT_SCOPE": scope + "/experiments/" + run.experiment,
        "AZUREML_OUTPUT_DIRECTORY": outputs,
        "AZUREML_LOGDIRECTORY_PATH": logs,
        "AZUREML_SCRIPT_DIRECTORY_NAME": os.path.basename(run.work),
        "AZUREML_FRAMEWORK": str(spec.get("framework") or "Python"),
        "AZUREML_COMMUNICATOR": str(spec.get("communicator") or "None"),
        "AZUREML_TARGET_TYPE": str(spec.get("target_type") or spec.get("target") or "local"),
        "AZUREML_NODE_COUNT": str(spec.get("node_count") or 1),
    }


def current(environment: "Optional[Mapping[str, str]]" = None) -> "Optional[RunDirectory]":
    """The run this process belongs to; None when it was not started by a runner."""
    path = (os.environ if environment is None else environment).get(RUN_DIRECTORY)
    return RunDirectory(path) if path else None


def find_workspace(start: "Optional[str]" = None) -> "Optional[str]":
    """The nearest folder ``.runyard`` with a workspace in it, here or above; None without one."""
    folder = os.path.abspath(start or os.getcwd())
    while True:
        candidate = os.path.join(folder, ".runyard")
        if os.path.isfile(os.path.join(candidate, "workspace.json")):
            return candidate
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
