"""The datastores of a workspace on the disk: ``datastores/<name>.json``, and the four built-in."""

from __future__ import annotations

import contextlib
import difflib
import os
import time
from pathlib import Path

from runyard.errors import UserErrorException
from runyard.history import shared_json, workspace_folder
from runyard.record import jsonl
from runyard.record.layout import WorkspaceDirectory

DEFAULT = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
BUILT_IN = (DEFAULT, "workspacefilestore", ARTIFACTS, "workspaceworkingdirectory")
"""In every workspace: folders inside it, made on first use (spec 10)."""

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


def root(directory: WorkspaceDirectory, name: str) -> str:
    """The folder of a datastore, absolute; that of a built-in one need not exist yet.

    Raises UserErrorException naming those there are when there is none of that name.
    """
    try:
        return str(jsonl.read_json(_file(directory, name))["path"])
    except FileNotFoundError:
        if name in BUILT_IN:
            return os.path.join(_folder(directory), name)
    except (ValueError, KeyError) as error:
        raise UserErrorException(
            f"datastore {name!r} cannot be read from {_file(directory, name)!r}: {error}; register "
            f"it again: Datastore.register(workspace, {name!r}, '/path', overwrite=True)"
        ) from error
    raise unknown(directory, name)


def unknown(directory: WorkspaceDirectory, name: object) -> UserErrorException:
    """The error for a name that no datastore has."""
    known = listed(directory)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserErrorException(
        f"there is no datastore {name!r} in {directory.path}{hint} It has {', '.join(known)}. "
        f"Make one: Datastore.register(workspace, {str(name)!r}, '/path/of/a/folder')"
    )


def add(directory: WorkspaceDirectory, name: str, folder: str, *, overwrite: bool) -> None:
    """Register a folder. Raises UserErrorException when the name has another folder."""
    path = _file(directory, name)
    if is_registered(directory, name) and not overwrite:
        present = root(directory, name)
        if present != folder:
            raise UserErrorException(
                f"datastore {name!r} is registered already, for {present!r}; give overwrite=True "
                f"to make it {folder!r}, or another name"
            )
        return
    os.makedirs(_folder(directory), exist_ok=True)
    content = {"name": name, "type": "local", "path": folder, "created": time.time()}
    jsonl.write_once(path, content)


def remove(directory: WorkspaceDirectory, name: str) -> None:
    """Forget a registration; the files stay. Raises UserErrorException when there is none."""
    try:
        os.unlink(_file(directory, name))
    except FileNotFoundError:
        if name in BUILT_IN:
            raise UserErrorException(
                f"datastore {name!r} is a part of every workspace and cannot be unregistered"
            ) from None
        raise unknown(directory, name) from None
    if default_name(directory) == name:
        workspace_folder.update(directory, {_DEFAULT_KEY: DEFAULT})


def default_name(directory: WorkspaceDirectory) -> str:
    """The name of the default datastore."""
    return str(shared_json.read(directory.workspace_json).get(_DEFAULT_KEY) or DEFAULT)


def set_default(directory: WorkspaceDirectory, name: str) -> None:
    """Make it the default. Raises UserErrorException when there is none of that name."""
    root(directory, name)
    workspace_folder.update(directory, {_DEFAULT_KEY: name})


def _folder(directory: WorkspaceDirectory) -> str:
    return os.path.join(directory.path, "datastores")


def _file(directory: WorkspaceDirectory, name: str) -> str:
    return os.path.join(_folder(directory), f"{name}.json")


def _is_record(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")
