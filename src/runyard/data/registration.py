"""Registering storage of every kind, and making datastore objects of what is registered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runyard.data import credentials, databases, registry
from runyard.data.storage import StorageDatastore
from runyard.data.stores.opening import OBJECT_SCHEMES, local_folder, open_store, scheme_of
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace

MOUNTS = (None, "fuse")
_TYPES = {"s3": "S3", "s3a": "S3", "gs": "GoogleCloudStorage", "gcs": "GoogleCloudStorage"}
_TYPES |= dict.fromkeys(["http", "https"], "Http")
_TYPES |= dict.fromkeys(["abfs", "abfss", "az", "azure", "adl", "wasb", "wasbs"], "AzureBlob")


def register(
    directory: WorkspaceDirectory,
    name: str,
    url: object,
    *,
    overwrite: bool,
    create_if_not_exists: bool = False,
    check: bool = False,
    mount: str | None = None,
    options: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Register a folder or a URL. Raises as `Datastore.register`.

    ``check``: the storage must answer. ``more``: what the record has beside.
    """
    if not isinstance(url, (str, os.PathLike)) or not os.fspath(url):
        raise UserErrorException(
            f"datastore {name!r}: url is {url!r} of type {type(url).__name__}; give the path of a "
            "folder, or a URL such as 's3://bucket/path'"
        )
    if mount not in MOUNTS:
        raise UserErrorException(
            f"datastore {name!r}: mount={mount!r} is not known; give 'fuse', or leave it out"
        )
    try:
        folder = local_folder(str(os.fspath(url)))
        if folder is not None:
            _check_folder(name, folder, create_if_not_exists, options or {})
            given: dict[str, Any] = {"type": registry.LOCAL, "path": folder}
            _write(directory, name, given, {}, overwrite)
            return
        text = str(os.fspath(url))
        if databases.is_database(text):
            plain_url, secrets = databases.split(text, options or {})
            given = {"type": databases.DATABASE, "url": plain_url, "secrets": sorted(secrets)}
            _write(directory, name, {**given, **(more or {})}, secrets, overwrite)
            return
        plain_url, plain, secrets = credentials.split(text, options or {})
        store = open_store(plain_url, plain, secrets)  # which checks the options
        if create_if_not_exists:
            _make_container(plain_url, plain, secrets)
        if check:
            next(iter(store.entries()), None)
    except UserErrorException as error:
        if error.message.startswith("datastore "):
            raise
        raise UserErrorException(f"datastore {name!r}: {error.message}", error) from error
    given = {"type": "url", "url": plain_url.rstrip("/"), "options": plain, "mount": mount}
    given |= {"secrets": sorted(secrets), **(more or {})}
    _write(directory, name, given, secrets, overwrite)


def _make_container(url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    from runyard.data.stores import azure_container, connecting

    if scheme_of(url) not in OBJECT_SCHEMES or connecting.kind_of(url) != "azure":
        raise UserErrorException(
            "create_if_not_exists makes folders and Azure containers; make the bucket with the "
            "tools of its provider, and leave it out (folders of other storage are made when "
            "something is stored in them)"
        )
    azure_container.make(url, {**options, **secrets})


def _check_folder(name: str, folder: str, make: bool, options: Mapping[str, Any]) -> None:
    if options:
        raise UserErrorException(
            f"datastore {name!r}: a folder has no option {', '.join(sorted(options))}"
        )
    try:
        if make:
            os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserErrorException(
            f"datastore {name!r}: the folder {folder!r} cannot be made: {error.strerror}; give one "
            "in a place that can be written to",
            error,
        ) from error
    if not os.path.isdir(folder):
        raise UserErrorException(
            f"datastore {name!r}: there is no folder {folder!r}; make it first, or give "
            "create_if_not_exists=True"
        )


def _write(
    directory: WorkspaceDirectory,
    name: str,
    given: Mapping[str, Any],
    secrets: Mapping[str, str],
    overwrite: bool,
) -> None:
    with registry.locked(directory):
        before = _before(directory, name, overwrite)
        if before and not overwrite:
            _check_same(before, given, secrets, directory, name)
            return
        if secrets or before.get("secrets"):
            credentials.write(directory, name, secrets)
        registry.add(directory, name, given)


def _before(directory: WorkspaceDirectory, name: str, overwrite: bool) -> Mapping[str, Any]:
    """What is registered, {} for nothing; what cannot be read may be replaced."""
    if not registry.is_registered(directory, name):
        return {}
    try:
        return registry.record(directory, name)
    except UserErrorException:
        if overwrite:
            return {"secrets": ["unknown"]}
        raise


def _check_same(
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    secrets: Mapping[str, str],
    directory: WorkspaceDirectory,
    name: str,
) -> None:
    """Raise UserErrorException when what is registered is another place, or with other options."""
    place, present = given.get("path") or given["url"], registry.url_of(directory, name)
    if present != place:
        raise UserErrorException(
            f"datastore {name!r} is registered already, for {present!r}; give overwrite=True "
            f"to make it {place!r}, or another name"
        )
    if not _same(before, given, secrets, directory, name):
        raise UserErrorException(
            f"datastore {name!r} is registered already, for {present!r} with other options; give "
            "overwrite=True to replace them, or another name"
        )


def _same(
    present: Mapping[str, Any],
    given: Mapping[str, Any],
    secrets: Mapping[str, str],
    directory: WorkspaceDirectory,
    name: str,
) -> bool:
    if any(present.get(key) != value for key, value in given.items()):
        return False
    return not secrets or credentials.read(directory, name) == secrets


def remote(workspace: Workspace, name: str, record: Mapping[str, Any]) -> StorageDatastore:
    """The datastore object of a registered URL."""
    url = str(record["url"])
    parts = urlsplit(url)
    azure = record.get("azure") or {}
    kind = "Database" if record["type"] == databases.DATABASE else "Filesystem"
    return StorageDatastore(
        workspace,
        name,
        azure.get("type") or _TYPES.get(scheme_of(url), kind),
        azure.get("container_name") or url,
        azure.get("account_name") or record.get("options", {}).get("account_name"),
        protocol=azure.get("protocol") or parts.scheme,
        endpoint=azure.get("endpoint") or record.get("options", {}).get("endpoint"),
        sas_token="kept" if "sas_token" in record["secrets"] else None,
    )
