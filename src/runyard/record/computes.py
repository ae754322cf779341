"""Compute targets of a workspace: ``<workspace>/computes/<name>.json``. No secret is in them."""

import os

from runyard.errors import ComputeTargetException
from runyard.record import jsonl
from runyard.record.layout import FORMAT, WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

KIND = "type"
"""Key of the kind of target: the class of SDK v1, ``AmlCompute``."""


def read(workspace: WorkspaceDirectory, name: str) -> "Optional[Dict[str, Any]]":
    """The record of a target; None when there is none of that name.

    Raises ComputeTargetException for one that cannot be read, or of a newer format.
    """
    if not name or "/" in name or name.startswith("."):
        return None
    path = workspace.compute_json(name)
    try:
        record = jsonl.read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(name, str(error), path, error)
    found = record.get("format", FORMAT)
    if not isinstance(found, int) or not isinstance(record.get(KIND), str):
        raise _unreadable(name, "{} lacks 'format' or {!r}".format(path, KIND), path)
    if found > FORMAT:
        raise ComputeTargetException(
            "compute target {!r} was written by a newer runyard (format {}; this one reads up to "
            "{}): upgrade runyard".format(name, found, FORMAT)
        )
    return dict(record, name=name)


def _unreadable(name: str, why: str, path: str, error: "Any" = None) -> ComputeTargetException:
    return ComputeTargetException(
        "compute target {!r} cannot be read: {}. Put a copy of the file back, or remove it: "
        "rm {}".format(name, why, path),
        error,
    )


def write(workspace: WorkspaceDirectory, name: str, record: "Dict[str, Any]") -> None:
    """Write the record of a target: whole or not at all. Raises OSError."""
    os.makedirs(workspace.computes, exist_ok=True)
    jsonl.write_once(workspace.compute_json(name), dict(record, format=FORMAT, name=name))


def names(workspace: WorkspaceDirectory) -> "List[str]":
    """The targets of the workspace, sorted."""
    try:
        found = os.listdir(workspace.computes)
    except FileNotFoundError:
        return []
    return sorted(n[: -len(".json")] for n in found if n.endswith(".json") and n[:1] != ".")
