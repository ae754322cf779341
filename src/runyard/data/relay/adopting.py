"""What a far run has left in the workspace it worked in, beside its own directory.

Child runs and models go into the workspace here, and outputs are registered in it. There, `gather`
puts them into the run directory, with which they come; here, `adopt` takes them from it.
"""

from __future__ import annotations

import os
import shutil

from runyard.record import jsonl, models
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = "workspace"


def gather(run: RunDirectory) -> None:
    """Move what belongs to the workspace into the run directory, which nobody writes to any more.

    Raises OSError.
    """
    for part in _others(run):
        place = run.join(_FOLDER, part)
        if not os.path.exists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.rename(os.path.join(run.workspace.path, part), place)


def _others(run: RunDirectory) -> Iterator[str]:
    """Of the far workspace: its models, and all runs but the one it was made for."""
    top = run.workspace
    yield from (os.path.join("models", name) for name in _listed(top.models))
    for experiment in _listed(top.runs):
        for name in _listed(top.experiment(experiment)):
            if (experiment, name) != (run.experiment, run.id):
                yield os.path.join("runs", experiment, name)


def adopt(run: RunDirectory, reason: str) -> None:
    """Take what `gather` has put into a run that came back; to be done before its end is said.

    ``reason``: how it ended. Raises OSError, UserErrorException.
    """
    top = run.join(_FOLDER)
    for experiment in _listed(os.path.join(top, "runs")):
        os.makedirs(run.workspace.experiment(experiment), exist_ok=True)
        for name in _listed(os.path.join(top, "runs", experiment)):
            place = run.workspace.run(experiment, name).path
            if not os.path.exists(place):
                os.rename(os.path.join(top, "runs", experiment, name), place)
    for name in _listed(os.path.join(top, "models")):
        folder = os.path.join(top, "models", name)
        for version in models.versions_in(folder):
            models.adopt(run.workspace, os.path.join(folder, str(version)))
    shutil.rmtree(top, ignore_errors=True)
    if reason == Reason.COMPLETED.value:
        _register(run)


def _register(run: RunDirectory) -> None:
    outputs = jsonl.read_json(run.run_json)["spec"].get("outputs") or ()
    if outputs:
        from runyard.data.datasets import registering

        registering.finish(run, outputs)


def _listed(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
