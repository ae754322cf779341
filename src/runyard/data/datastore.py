"""``Datastore``: finding and registering the named storage of a workspace (spec 15.1)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from runyard.data import names, registry
from runyard.data.azure_registration import AzureRegistration
from runyard.data.local import LocalDatastore
from runyard.data.storage import DatastoreMethods, StorageDatastore
from runyard.errors import UserErrorException

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
        return LocalDatastore(workspace, name, registry.root(workspace.directory, name))

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
    ) -> StorageDatastore:
        """Give a folder of this machine a name in the workspace; a path, or ``file://…``.

        ``overwrite``: the name may have another folder now. ``create_if_not_exists``: make the
        folder. Nothing is copied. Raises UserErrorException when there is no such folder, or the
        name is taken, and for any other kind of storage.
        """
        folder = _folder(name, url)
        names.checked_datastore(name)
        if create_if_not_exists:
            _make(name, folder)
        if not os.path.isdir(folder):
            raise UserErrorException(
                f"datastore {name!r}: there is no folder {folder!r}; make it first, or give "
                "create_if_not_exists=True"
            )
        registry.add(workspace.directory, name, folder, overwrite=overwrite)
        return Datastore.get(workspace, name)


def all_of(workspace: Workspace) -> dict[str, StorageDatastore]:
    """The datastores of a workspace by name, the built-in ones first."""
    return {name: Datastore.get(workspace, name) for name in registry.listed(workspace.directory)}


def _make(name: str, folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserErrorException(
            f"datastore {name!r}: the folder {folder!r} cannot be made: {error.strerror}; give one "
            "in a place that can be written to",
            error,
        ) from error


def _folder(name: object, url: object) -> str:
    if not isinstance(url, (str, os.PathLike)) or not os.fspath(url):
        raise UserErrorException(
            f"datastore {name!r}: url is {url!r} of type {type(url).__name__}; give the path of a "
            "folder"
        )
    text = str(os.fspath(url))
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme and scheme != "file":
        raise UserErrorException(
            f"datastore {name!r}: {scheme}:// is not built yet in this version, only folders of "
            f"this machine are; mount or copy it, and register the folder: "
            f"Datastore.register(workspace, {name!r}, '/path/of/the/folder')"
        )
    path = unquote(urlsplit(text).path) if scheme else text
    return str(Path(path).expanduser().absolute())
