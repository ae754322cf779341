"""A datastore that is a folder of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runyard.data import artifacts, registry
from runyard.data.storage import StorageDatastore
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace

TYPE = "LocalFolder"


class LocalDatastore(StorageDatastore):
    """A folder as a datastore; ``container_name`` is its path."""

    def __init__(self, workspace: Workspace, name: str, folder: str) -> None:
        super().__init__(workspace, name, TYPE, folder, None, protocol="file")


def place(directory: WorkspaceDirectory, name: str, root: str, path: str) -> str:
    """Where a path on the datastore ``name`` with that root lies."""
    if name == registry.ARTIFACTS:
        left = artifacts.place(directory, path)
        if left is not None:
            return left
    return os.path.join(root, path) if path else root
