"""Where the new AmlCompute of a workspace get their nodes: this machine, or an attached cluster.

``<workspace>/computes/.engine.json``; those that are there already stay what they are.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping
from typing import Any

from runyard.errors import ComputeTargetException
from runyard.record import computes, jsonl
from runyard.record.layout import WorkspaceDirectory

ENGINE = "engine"
"""Key in the record of an AmlCompute: the attached cluster on whose nodes its runs run."""
_SETTINGS = ("partition", "constraint")


def use(workspace: WorkspaceDirectory, name: str | None, sizes: Mapping[str, str] = {}) -> None:
    """From now on make AmlCompute on the attached cluster ``name``; None: on this machine.

    ``sizes``: a machine size, or a pattern of some with ``*`` → 'PARTITION' or
    'PARTITION:CONSTRAINT'; of others it is that of the cluster. Raises ComputeTargetException for
    what is no attached cluster, and an entry without partition and constraint.
    """
    if name is not None:
        record = computes.read(workspace, name)
        if record is None or record.get(computes.KIND) != "Slurm":
            raise ComputeTargetException(
                f"{name!r} is no attached cluster of this workspace, so no AmlCompute can be made "
                f"on it; attach it first: runyard compute attach {name} --partition PARTITION"
            )
    body = {"target": name, "sizes": {size: _place(size, text) for size, text in sizes.items()}}
    os.makedirs(workspace.computes, exist_ok=True)
    jsonl.write_once(_path(workspace), body)


def _place(size: str, text: str) -> dict[str, str]:
    parts = dict(zip(_SETTINGS, text.split(":", 1), strict=False))
    found = {name: value for name, value in parts.items() if value}
    if not found:
        raise ComputeTargetException(
            f"machine size {size!r} leads to {text!r}; give PARTITION, PARTITION:CONSTRAINT or "
            ":CONSTRAINT"
        )
    return found


def used(workspace: WorkspaceDirectory) -> tuple[str | None, dict[str, dict[str, str]]]:
    """The cluster that new AmlCompute are made on, None for this machine; the table of sizes.

    Raises ComputeTargetException when what was said cannot be read.
    """
    try:
        body = jsonl.read_json(_path(workspace))
        return body.get("target"), dict(body.get("sizes") or {})
    except FileNotFoundError:
        return None, {}
    except (OSError, ValueError, TypeError) as error:
        raise ComputeTargetException(
            f"where new compute targets get their nodes cannot be read: {error}. Say it again: "
            f"runyard compute engine NAME, or remove the file: rm {_path(workspace)}",
            error,
        ) from error


def settings(workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of an AmlCompute with the settings of its cluster, and what its size leads to.

    Raises ComputeTargetException when the cluster was detached.
    """
    name = str(record[ENGINE])
    cluster = computes.read(workspace, name)
    if cluster is None:
        raise ComputeTargetException(
            f"compute target {record['name']!r} is made on the cluster {name!r}, which was "
            f"detached; attach it again: runyard compute attach {name}"
        )
    size = str(record.get("vm_size") or "").upper()
    chosen: dict[str, str] = {}
    for pattern, place in used(workspace)[1].items():
        if size and fnmatch.fnmatchcase(size, pattern.upper()):
            chosen = place
            break
    return {**cluster, **record, **chosen}


def _path(workspace: WorkspaceDirectory) -> str:
    return os.path.join(workspace.computes, ".engine.json")
