"""``Datastore``: finding and registering the named storage of a workspace (spec 15.1)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runyard.data import names, registration, registry
from runyard.data.azure_registration import AzureRegistration
from runyard.data.local import LocalDatastore
from runyard.data.storage import DatastoreMethods, StorageDatastore
from runyard.record import registered

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace


class Datastore(AzureRegistration, DatastoreMethods):
    """``Datastore(workspace, name)`` is the datastore of that name, None: the default one.

    Raises UserErrorException when the workspace has none of that name.
    """

    def __new__(  # type: ignore[misc]
        cls, workspace: Workspace, name: str | None = None
    ) -> StorageDatastore:
        """The object of the kind that goes with the storage."""
        return cls.get_default(workspace) if name is None else cls.get(workspace, name)

    @staticmethod
    def get(workspace: Workspace, datastore_name: str) -> StorageDatastore:
        """The datastore of that name. Raises UserErrorException when there is none."""
        name = names.checked_datastore(datastore_name)
        found = registry.record(workspace.directory, name)
        if found["type"] == registry.LOCAL:
            return LocalDatastore(workspace, name, str(found["path"]))
        return registration.remote(workspace, name, found)

    @staticmethod
    def get_default(workspace: Workspace) -> StorageDatastore:
        """The default datastore: ``workspaceblobstore`` until another is chosen."""
        return Datastore.get(workspace, registry.default_name(workspace.directory))

    @staticmethod
    def register(
        workspace: Workspace,
        name: str,
        url: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        mount: str | None = None,
        **options: Any,
    ) -> StorageDatastore:
        """Give storage a name in the workspace: a folder of this machine, or a URL.

        ``url``: a path, ``s3://bucket/path``, ``gs://``, ``abfs://``, ``https://``, or a URL of
        any other kind that fsspec knows. ``overwrite``: the name may have another storage now.
        ``create_if_not_exists``: make the folder. ``mount``: 'fuse' makes mounts of remote
        storage read on demand. ``options``: of the storage, such as ``endpoint``, ``region``;
        keys, tokens and passwords among them are kept as secrets of the workspace. Nothing is
        copied. Raises UserErrorException when there is no such folder, the name is taken, or an
        option is not known.
        """
        registration.register(
            workspace.directory,
            names.checked_datastore(name),
            url,
            overwrite=overwrite,
            create_if_not_exists=create_if_not_exists,
            mount=mount,
            options=options,
        )
        return Datastore.get(workspace, name)


def all_of(workspace: Workspace) -> dict[str, StorageDatastore]:
    """The datastores of a workspace by name, the built-in ones first.

    One that cannot be read is left out, and a warning names it.
    """
    found = {}
    for name in registry.listed(workspace.directory):
        try:
            found[name] = Datastore.get(workspace, name)
        except registered.DamagedRecordException as error:
            registered.leave_out(error)
    return found
