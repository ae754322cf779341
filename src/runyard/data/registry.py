"""The datastores of a workspace on the disk: ``datastores/<name>.json``, and the four built-in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException
from runyard.history import shared_json, workspace_folder
from runyard.record import jsonl, registered
from runyard.record.layout import WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.data.stores.store import Store

DEFAULT = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
BUILT_IN = (DEFAULT, "workspacefilestore", ARTIFACTS, "workspaceworkingdirectory")
"""In every workspace: folders inside it, made on first use (spec 10)."""

LOCAL = "local"
"""The type of a registered folder."""

_DEFAULT_KEY = "default_datastore"


def listed(directory: WorkspaceDirectory) -> list[str]:
    """The names of all datastores: the built-in ones, then the others by name."""
    with contextlib.suppress(FileNotFoundError):
        found = {Path(name).stem for name in os.listdir(_folder(directory)) if _is_record(name)}
        return [*BUILT_IN, *sorted(found - {*BUILT_IN})]
    return [*BUILT_IN]


def is_registered(directory: WorkspaceDirectory, name: str) -> bool:
    """Whether somebody has registered that name; False for a built-in one as it came."""
    return os.path.isfile(_file(directory, name))


def record(directory: WorkspaceDirectory, name: str) -> dict[str, Any]:
    """How a datastore is registered: with ``path`` a folder, with ``url`` any other storage.

    That of a built-in one need not exist yet. Raises UserErrorException naming those there are
    when there is none of that name.
    """
    try:
        found = dict(jsonl.read_json(_file(directory, name)))
        str(found["path"] if found["type"] == LOCAL else found["url"])
        return found
    except FileNotFoundError:
        if name in BUILT_IN:
            return {"name": name, "type": LOCAL, "path": os.path.join(_folder(directory), name)}
    except (OSError, ValueError, KeyError) as error:
        raise registered.DamagedRecordException(
            f"datastore {name!r} cannot be read from {_file(directory, name)!r}: {error}; register "
            f"it again: Datastore.register(workspace, {name!r}, '/path', overwrite=True)",
            error,
        ) from error
    raise unknown(directory, name)


def url_of(directory: WorkspaceDirectory, name: str) -> str:
    """Where a datastore lies: an absolute path of this machine, or a URL without secrets.

    Raises as `record`.
    """
    found = record(directory, name)
    return str(found["path"] if found["type"] == LOCAL else found["url"])


def root(directory: WorkspaceDirectory, name: str) -> str:
    """The folder of a datastore, absolute. Raises UserErrorException when it is no folder."""
    found = record(directory, name)
    if found["type"] == LOCAL:
        return str(found["path"])
    raise UserErrorException(
        f"datastore {name!r} is {found['url']!r} and no folder of this machine; use its files with "
        "upload, download, or a data reference"
    )


def store_of(directory: WorkspaceDirectory, name: str) -> Store:
    """The store of a datastore, with its secrets; nothing is asked of it yet.

    Raises as `record`.
    """
    from runyard.data import credentials
    from runyard.data.stores.opening import open_store

    found = record(directory, name)
    if name == ARTIFACTS and found["type"] == LOCAL:
        from runyard.data.artifacts import ArtifactStore

        return ArtifactStore(directory, str(found["path"]))
    if found["type"] == LOCAL:
        return open_store(str(found["path"]))
    if found["type"] == "database":
        raise UserErrorException(
            f"datastore {name!r} is a database ({found['url']}) and has no files; read it with "
            "Dataset.Tabular.from_sql_query((datastore, 'select …'))"
        )
    secrets = credentials.read(directory, name) if found.get("secrets") else {}
    return open_store(found["url"], found.get("options"), secrets)


def unknown(directory: WorkspaceDirectory, name: object) -> UserErrorException:
    """The error for a name that no datastore has."""
    known = listed(directory)
    import difflib

    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserErrorException(
        f"there is no datastore {name!r} in {directory.path}{hint} It has {', '.join(known)}. "
        f"Make one: Datastore.register(workspace, {str(name)!r}, '/path/of/a/folder')"
    )


@contextlib.contextmanager
def locked(directory: WorkspaceDirectory) -> Iterator[None]:
    """While nobody else registers or unregisters a datastore: record and secrets go together."""
    os.makedirs(_folder(directory), exist_ok=True)
    descriptor = os.open(_folder(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def add(directory: WorkspaceDirectory, name: str, given: Mapping[str, Any]) -> None:
    """Write down a registration, in place of the one there may be; `locked` meanwhile."""
    jsonl.write_once(_file(directory, name), {"name": name, **given, "created": time.time()})


def remove(directory: WorkspaceDirectory, name: str) -> None:
    """Forget a registration and its secrets; the files stay.

    Raises UserErrorException when there is none.
    """
    with locked(directory):
        _remove(directory, name)
    if default_name(directory) == name:
        workspace_folder.update(directory, {_DEFAULT_KEY: DEFAULT})


def _remove(directory: WorkspaceDirectory, name: str) -> None:
    from runyard.data import credentials

    had_secrets = is_registered(directory, name) and bool(record(directory, name).get("secrets"))
    try:
        os.unlink(_file(directory, name))
    except FileNotFoundError:
        if name in BUILT_IN:
            raise UserErrorException(
                f"datastore {name!r} is a part of every workspace and cannot be unregistered"
            ) from None
        raise unknown(directory, name) from None
    if had_secrets:
        credentials.write(directory, name, {})


def default_name(directory: WorkspaceDirectory) -> str:
    """The name of the default datastore."""
    return str(shared_json.read(directory.workspace_json).get(_DEFAULT_KEY) or DEFAULT)


def set_default(directory: WorkspaceDirectory, name: str) -> None:
    """Make it the default. Raises UserErrorException when there is none of that name."""
    record(directory, name)
    workspace_folder.update(directory, {_DEFAULT_KEY: name})


def _folder(directory: WorkspaceDirectory) -> str:
    return os.path.join(directory.path, "datastores")


def _file(directory: WorkspaceDirectory, name: str) -> str:
    return os.path.join(_folder(directory), f"{name}.json")


def _is_record(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")
