"""``workspaceartifactstore``: what runs have left, under the paths of SDK v1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runyard.data.registry import ARTIFACTS
from runyard.data.stores.local import LocalStore
from runyard.errors import UserErrorException
from runyard.history.run_folders import experiment_names
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.data.datapath import DataPath
    from runyard.history.workspace import Workspace

_PREFIX = "ExperimentRun/dcid."


def outputs_of(workspace: Workspace, run_id: str) -> DataPath:
    """What a run has left in ``./outputs``."""
    from runyard.data.datapath import DataPath
    from runyard.data.datastore import Datastore

    return DataPath(Datastore.get(workspace, ARTIFACTS), f"{_PREFIX}{run_id}/outputs")


def run_of(path: str) -> tuple[str, str] | None:
    """The run id and the name in it that a path stands for; None for any other path."""
    if not path.startswith(_PREFIX):
        return None
    run_id, _, name = path[len(_PREFIX) :].partition("/")
    return run_id, name


def place(directory: WorkspaceDirectory, path: str) -> str | None:
    """Where what a run has left lies; None for other paths, and when there is no such run.

    Looked up instead of linked: the workspace may be copied elsewhere.
    """
    found = run_of(path)
    if found is None or not found[0]:
        return None
    for experiment in experiment_names(directory):
        run = directory.run(experiment, found[0])
        if os.path.isfile(run.run_json):
            return run.join(found[1]) if found[1] else run.path
    return None


class ArtifactStore(LocalStore):
    """The folder of ``workspaceartifactstore``, and in it what runs have left."""

    def __init__(self, directory: WorkspaceDirectory, folder: str) -> None:
        super().__init__(folder)
        self._directory = directory

    def local_path(self, path: str = "") -> str:
        """Where a path of the store lies; it need not exist."""
        return place(self._directory, path) or super().local_path(path)

    def _put(self, source: str, path: str, overwrite: bool) -> bool:
        if run_of(path):
            raise UserErrorException(
                f"{path!r} on {ARTIFACTS!r} is what a run has left; give it to the run: "
                "run.upload_file('name', 'path')"
            )
        return super()._put(source, path, overwrite)
