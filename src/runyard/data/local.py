"""A datastore that is a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runyard.data import artifacts, names, registry, transfers
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace

TYPE = "LocalFolder"


class LocalDatastore(StorageDatastore):
    """A folder as a datastore; ``container_name`` is its path."""

    def __init__(self, workspace: Workspace, name: str, folder: str) -> None:
        super().__init__(workspace, name, TYPE, folder, None, protocol="file")

    def local_path(self, path: str = "") -> str:
        """Where a path on the datastore lies on this machine; it need not exist.

        Raises UserErrorException for one that leads outside.
        """
        return place(self.workspace.directory, self.name, self.container_name, names.inside(path))

    def _stored(self, prefix: str) -> Iterator[str]:
        top = self.local_path(prefix)
        if os.path.isfile(top):
            yield prefix
        elif os.path.isdir(top):
            head = f"{prefix}/" if prefix else ""
            yield from (head + name for name in transfers.files(top))

    def _put(self, source: str, path: str, overwrite: bool) -> bool:
        if artifacts.run_of(path) and self.name == registry.ARTIFACTS:
            raise UserErrorException(
                f"{path!r} on {self.name!r} is what a run has left; give it to the run: "
                "run.upload_file('name', 'path')"
            )
        return self._copy(source, self.local_path(path), overwrite)

    def _fetch(self, path: str, target: str, overwrite: bool) -> bool:
        return self._copy(self.local_path(path), target, overwrite)

    def _copy(self, source: str, target: str, overwrite: bool) -> bool:
        try:
            return transfers.copy(source, target, overwrite=overwrite)
        except OSError as error:
            raise UserErrorException(
                f"{source!r} could not be copied to {target!r} (datastore {self.name!r}): "
                f"{error.strerror or error}; what was copied before is there, and the same call "
                "goes on with the rest",
                error,
            ) from error


def place(directory: WorkspaceDirectory, name: str, root: str, path: str) -> str:
    """Where a path on the datastore ``name`` with that root lies."""
    if name == registry.ARTIFACTS:
        left = artifacts.place(directory, path)
        if left is not None:
            return left
    return os.path.join(root, path) if path else root
