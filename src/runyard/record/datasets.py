"""The dataset registry: ``datasets/<name>/<version>.json``.

Versions count from 1 and are never given twice, also when all were unregistered. A version appears
whole, and two registrations at once get two versions.
"""

import fcntl
import os
import re
import time
import uuid
from contextlib import contextmanager

from runyard.errors import UserErrorException
from runyard.record import creation, jsonl, registered, unwritten
from runyard.record.layout import OFFLINE, WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Union

    Record = Dict[str, Any]

LATEST = "latest"
_REMOVED = ".removed.json"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._ ]{0,254}\Z")
_SHAPE = {
    "id": str,
    "name": str,
    "version": int,
    "created": (int, float),
    "tags": (dict, type(None)),
    "properties": (dict, type(None)),
    "definition": dict,
}


def add(
    workspace: WorkspaceDirectory,
    name: str,
    definition: "Dict[str, Any]",
    *,
    description: "Optional[str]" = None,
    tags: "Optional[Mapping[str, str]]" = None,
    create_new_version: bool = False,
    properties: "Optional[Mapping[str, str]]" = None,
) -> "Record":
    """Register a definition under a name; returns its record.

    Raises UserErrorException for a name that cannot be used, and for one that is taken unless
    ``create_new_version``; RunWriteException on a full disk.
    """
    folder = _folder(workspace, checked_name(name))
    record = {
        "id": str(uuid.uuid4()),
        "name": name,
        "created": time.time(),
        "description": description,
        "tags": dict(tags or {}),
        "properties": dict(properties or {}),
        "definition": definition,
    }
    with unwritten.Writing("dataset {!r} was not registered".format(name), folder):
        os.makedirs(folder, exist_ok=True)
        return _publish(folder, record, bool(create_new_version))


def checked_name(name: object) -> str:
    """A name that a dataset may have, as it is. Raises UserErrorException otherwise."""
    if isinstance(name, str) and _NAME.match(name) and name == name.strip():
        return name
    raise UserErrorException(
        "dataset name {!r} is not valid: give at most 255 English letters, digits, '-', '.', '_' "
        "and blanks, beginning with a letter or digit".format(name)
    )


def _publish(folder: str, record: "Record", create_new_version: bool) -> "Record":
    """Link the file to the next free number: a link never replaces one that is there."""
    part = os.path.join(folder, "." + creation.random_hex(8))
    try:
        while True:
            present = versions_in(folder)
            if present and not create_new_version:
                raise _taken(record["name"], present[-1])
            version = max([0, *present, _highest_removed(folder)]) + 1
            record = dict(record, version=version)
            jsonl.write_once(part, record)
            try:
                os.link(part, _file(folder, version))
                return record
            except FileExistsError:
                continue
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _taken(name: str, version: int) -> UserErrorException:
    return UserErrorException(
        "There is already a dataset registered under name {!r}, version {}. Specify "
        "create_new_version=True to register it as a new version, or take the one that is "
        "there: Dataset.get_by_name(workspace, {!r})".format(name, version, name)
    )


def versions_in(folder: str) -> "List[int]":
    """The versions in one dataset's folder, ascending."""
    try:
        names = [name[:-5] for name in os.listdir(folder) if name.endswith(".json")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name) for name in names if name.isdigit())


def find(
    workspace: WorkspaceDirectory, name: str, version: "Union[int, str, None]" = LATEST
) -> "Record":
    """The record of a version, 'latest' or None for the latest.

    Raises UserErrorException naming what there is when there is none, and for one that cannot be
    read.
    """
    versions = versions_in(_folder(workspace, checked_name(name)))
    wanted = versions[-1] if versions and version in (None, LATEST) else _number(version)
    if wanted in versions:
        try:
            return _read(workspace, name, wanted)
        except FileNotFoundError:  # unregistered a moment ago
            versions = []
    if versions:
        raise UserErrorException(
            "dataset {!r} has no version {!r}; it has {}".format(
                name, version, ", ".join(map(str, versions))
            )
        )
    if os.path.basename(workspace.path).startswith(OFFLINE):
        raise UserErrorException(
            "there is no dataset {!r}: a script that is started by hand has an empty workspace of "
            "its own; submit it, or take those of Workspace.from_config()".format(name)
        )
    raise UserErrorException(
        "there is no dataset {!r} in {}. It has {}. Register one: "
        "dataset.register(workspace, {!r})".format(
            name, workspace.path, ", ".join(names(workspace)) or "none", name
        )
    )


def _read(workspace: WorkspaceDirectory, name: str, version: int) -> "Record":
    path = _file(_folder(workspace, name), version)
    what = "version {} of dataset {!r}".format(version, name)
    return registered.read(path, what, path, _SHAPE)


def _number(version: object) -> int:
    text = str(version)
    return int(text) if text.isdigit() else 0


def find_id(workspace: WorkspaceDirectory, dataset_id: str) -> "Record":
    """The record with an id. Raises UserErrorException when no registered dataset has it."""
    for name in names(workspace):
        for version in reversed(versions_in(_folder(workspace, name))):
            try:
                record = _read(workspace, name, version)
            except FileNotFoundError:  # unregistered a moment ago
                continue
            except registered.DamagedRecordException as error:
                registered.leave_out(error)
                continue
            if record["id"] == dataset_id:
                return record
    raise UserErrorException(
        "no dataset registered in {} has the id {!r}; the id of one that is not registered leads "
        "to it only in a run that has it as an input. Register it, or see "
        "Dataset.get_all(workspace)".format(workspace.path, dataset_id)
    )


def names(workspace: WorkspaceDirectory) -> "List[str]":
    """The names of all registered datasets, sorted."""
    try:
        found = sorted(os.listdir(os.path.join(workspace.path, "datasets")))
    except FileNotFoundError:
        return []
    return [name for name in found if _NAME.match(name) and versions_in(_folder(workspace, name))]


def listed(workspace: WorkspaceDirectory) -> "List[Record]":
    """The latest record of every name, by name.

    One that cannot be read is left out, and a warning names it.
    """
    found = []
    for name in names(workspace):
        try:
            found.append(find(workspace, name))
        except registered.DamagedRecordException as error:
            registered.leave_out(error)
        except UserErrorException:  # unregistered a moment ago
            continue
    return found


def edit(
    workspace: WorkspaceDirectory, record: "Record", change: "Callable[[Record], Record]"
) -> "Record":
    """Change ``description`` or ``tags`` of a version; returns the new record.

    ``change``: returns what is new, given the present record: of two edits at once both count.
    Raises UserErrorException when it is no longer registered.
    """
    name, version = record["name"], record["version"]
    find(workspace, name, version)
    folder = _folder(workspace, name)
    what = "dataset {!r} was not changed".format(name)
    with unwritten.Writing(what, folder), _locked(folder):
        present = find(workspace, name, version)
        new = dict(present, **change(present))
        jsonl.write_once(_file(folder, version), new)
    return new


def unregister(workspace: WorkspaceDirectory, name: str) -> None:
    """Forget all versions of a name; the data stays. Their numbers are not given again."""
    folder = _folder(workspace, checked_name(name))
    find(workspace, name)
    with _locked(folder):
        versions = versions_in(folder)
        highest = max([0, *versions, _highest_removed(folder)])
        jsonl.write_once(os.path.join(folder, _REMOVED), {"version": highest})
        for version in versions:
            os.unlink(_file(folder, version))


@contextmanager
def _locked(folder: str) -> "Iterator[None]":
    """While nobody else edits or removes what is in the folder; registering needs no lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _highest_removed(folder: str) -> int:
    try:
        return int(jsonl.read_json(os.path.join(folder, _REMOVED))["version"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0


def _folder(workspace: WorkspaceDirectory, name: str) -> str:
    return os.path.join(workspace.path, "datasets", name)


def _file(folder: str, version: int) -> str:
    return os.path.join(folder, "{}.json".format(version))
