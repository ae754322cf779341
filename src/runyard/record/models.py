"""The model registry: ``models/<name>/<version>/`` with model.json and the files.

Versions count from 1 and are never given twice, also when the latest was removed. A version
appears whole: it is staged beside and renamed into place, so two registrations at once get two
versions and a killed one leaves nothing that looks registered.
"""

import os
import re
import shutil
import time

from runyard.errors import ModelNotFoundException, UserErrorException
from runyard.record import creation, jsonl, registered, unwritten
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

_REMOVED = ".removed.json"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}\Z")
_NOTHING = type(None)
_SHAPE = {
    "name": str,
    "version": int,
    "created": (int, float),
    "tags": (dict, _NOTHING),
    "properties": (dict, _NOTHING),
    "datasets": (list, _NOTHING),
}


def dataset_pairs(datasets: "Optional[Iterable[Tuple[str, Any]]]") -> "List[List[str]]":
    """Pairs of a purpose and a dataset as model.json has them: a dataset is known by its id."""
    return [[purpose, str(getattr(item, "id", item))] for purpose, item in datasets or ()]


def register(
    workspace: WorkspaceDirectory, name: str, source: str, record: "Dict[str, Any]"
) -> "Dict[str, Any]":
    """Copy a file or folder in as the next version of a model; returns its model.json.

    ``record`` holds what is known about it (tags, properties, run_id, framework, …). Raises
    UserErrorException for a bad name (spec 13), FileNotFoundError when ``source`` is missing,
    RunWriteException on a full disk.
    """
    if not _NAME.match(name):
        raise UserErrorException(
            "model name {!r} is not valid: letters, digits, '-', '.' and '_', at most 255, "
            "beginning with a letter or digit".format(name)
        )
    folder = os.path.join(workspace.models, name)
    staging = os.path.join(folder, ".staging-" + creation.random_hex(8))
    with unwritten.Writing("model {!r} was not registered".format(name), folder):
        os.makedirs(os.path.join(staging, "files"))
        try:
            target = os.path.basename(os.path.normpath(source))
            _copy(source, os.path.join(staging, "files", target))
            return _publish(folder, staging, dict(record, name=name, created=time.time()))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _publish(folder: str, staging: str, record: "Dict[str, Any]") -> "Dict[str, Any]":
    version = max([*versions_in(folder), _highest_removed(folder)]) + 1
    while True:
        record = dict(record, version=version)
        jsonl.write_once(os.path.join(staging, "model.json"), record)
        try:
            os.rename(staging, os.path.join(folder, str(version)))
            return record
        except OSError:
            if not os.path.isdir(os.path.join(folder, str(version))):
                raise
            version += 1


def adopt(workspace: WorkspaceDirectory, version: str) -> "Dict[str, Any]":
    """Move a version of another workspace in, as the next one here; returns its model.json."""
    record = jsonl.read_json(os.path.join(version, "model.json"))
    folder = os.path.join(workspace.models, record["name"])
    os.makedirs(folder, exist_ok=True)
    staging = os.path.join(folder, ".staging-" + creation.random_hex(8))
    os.rename(version, staging)
    return _publish(folder, staging, record)


def remove(workspace: WorkspaceDirectory, name: str, version: int) -> None:
    """Remove a version and its files; its number is not used again. There is no way back."""
    folder = os.path.join(workspace.models, name)
    highest = max(version, _highest_removed(folder))
    jsonl.write_once(os.path.join(folder, _REMOVED), {"version": highest})
    doomed = os.path.join(folder, ".deleted-" + creation.random_hex(8))
    os.rename(os.path.join(folder, str(version)), doomed)
    shutil.rmtree(doomed)


def _highest_removed(folder: str) -> int:
    try:
        return int(jsonl.read_json(os.path.join(folder, _REMOVED))["version"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0


def versions_in(folder: str) -> "List[int]":
    """The versions registered in one model's folder, ascending."""
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except (FileNotFoundError, NotADirectoryError):
        return []


def find(
    workspace: WorkspaceDirectory, name: str, version: "Optional[int]" = None
) -> "Dict[str, Any]":
    """model.json of a version, by default the latest.

    Raises ModelNotFoundException, and UserErrorException for one that cannot be read.
    """
    folder = os.path.join(workspace.models, name)
    versions = versions_in(folder)
    wanted = versions[-1:] if version is None else [v for v in versions if v == int(version)]
    if not wanted:
        known = ", ".join(str(v) for v in versions) or "none"
        asked = "" if version is None else " version {}".format(version)
        raise ModelNotFoundException(
            "ModelNotFound: no model {!r}{} in this workspace (versions registered: {})".format(
                name, asked, known
            )
        )
    return _read(folder, wanted[0])


def _read(folder: str, version: int) -> "Dict[str, Any]":
    place = os.path.join(folder, str(version))
    what = "version {} of model {!r}".format(version, os.path.basename(folder))
    try:
        return registered.read(os.path.join(place, "model.json"), what, place, _SHAPE)
    except FileNotFoundError as error:
        raise registered.damaged(what, str(error), place, error)


def find_all(workspace: WorkspaceDirectory) -> "List[Dict[str, Any]]":
    """model.json of every version of every model, newest first.

    One that cannot be read is left out, and a warning names it.
    """
    try:
        names = sorted(os.listdir(workspace.models))
    except FileNotFoundError:
        return []
    records = []
    for name in names:
        for version in versions_in(os.path.join(workspace.models, name)):
            try:
                records.append(find(workspace, name, version))
            except registered.DamagedRecordException as error:
                registered.leave_out(error)
    return sorted(records, key=lambda record: record["created"], reverse=True)


def files_path(workspace: WorkspaceDirectory, record: "Dict[str, Any]") -> str:
    """The file or folder that was registered."""
    folder = os.path.join(workspace.models, record["name"], str(record["version"]), "files")
    return os.path.join(folder, os.listdir(folder)[0])
