"""Making, changing and removing the pools of a workspace: what ``ComputeTarget.create`` does."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from runyard.computes import engine, pool_starting
from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.provisioning import AmlComputeProvisioningConfiguration, check_scale
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.history import targets
from runyard.record import computes
from runyard.record.creation import random_hex
from runyard.record.layout import RunDirectory, WorkspaceDirectory

RESERVED = ("amlcompute", "local", "containerinstance")
_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_SCALE = ("min_nodes", "max_nodes", "idle_seconds_before_scaledown")
_CHANGEABLE = (*_SCALE, "tags", "description")


def check_name(name: object) -> None:
    """Raise UserErrorException for a name that cannot be given to a target."""
    if isinstance(name, str) and name.lower() in RESERVED:
        raise UserErrorException(
            f"{name!r} is a reserved name of a compute target; choose another one, such as "
            "'cpu-cluster'"
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"compute target name {name!r} is not valid: 1 to 32 English letters, digits and '-', "
            "beginning with a letter and not ending with '-'"
        )


def create(workspace: WorkspaceDirectory, name: str, asked: Any) -> list[str]:
    """Make a pool, or bring the one of that name in line; returns sentences to read once."""
    if not isinstance(asked, AmlComputeProvisioningConfiguration):
        raise ComputeTargetException(f"a target of type {asked._kind!r} cannot be made here")
    asked.validate_configuration()
    wanted = asked.record()
    folder = PoolFolder(workspace, name)
    cluster = engine.used(workspace)[0]
    made = wanted if cluster is None else {**wanted, engine.ENGINE: cluster}
    known = computes.read(workspace, name) or _written(folder, asked._kind, made)
    return (
        list(asked.notices(cluster)) if known is None else _brought_in_line(folder, known, wanted)
    )


def _written(folder: PoolFolder, kind: str, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Write a new pool; the record of one that somebody else has made meanwhile, else None."""
    now = time.time()
    head = {
        computes.KIND: kind,
        "id": random_hex(16),
        "created": now,
        "modified": now,
        "changed": now,
    }
    folder.make()
    with folder.locked():
        known = computes.read(folder.workspace, folder.name)
        if known is None:
            computes.write(folder.workspace, folder.name, {**head, **wanted})
    return known


def _brought_in_line(
    folder: PoolFolder, known: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[str]:
    if known.get("state") == DELETING:
        raise ComputeTargetException(
            f"compute target {folder.name!r} is being deleted; wait until its runs have ended, or "
            "choose another name"
        )
    others = [
        f"{key}={known.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if key not in _CHANGEABLE and known.get(key) != value
    ]
    if others:
        raise ComputeTargetException(
            f"there is a compute target {folder.name!r} already, with {'; '.join(others)}. Use it: "
            f"ComputeTarget(workspace, {folder.name!r}); or choose another name; or delete it first"
        )
    changes = {key: wanted[key] for key in _CHANGEABLE if known.get(key) != wanted[key]}
    if not changes:
        return []
    change(folder, changes)
    listed = ", ".join(f"{key}={value!r}" for key, value in changes.items())
    return [f"it was there already and was changed: {listed}"]


def update(workspace: WorkspaceDirectory, name: str, changes: Mapping[str, Any]) -> None:
    """Change the scale of a pool; what runs goes on, and what fits now starts."""
    change(PoolFolder(workspace, name), changes)


def change(folder: PoolFolder, changes: Mapping[str, Any]) -> None:
    """Write changed settings of a pool, checked, and start what fits then."""
    with folder.locked():
        record = {**folder.record(), **changes, "modified": time.time()}
        check_scale(*(record.get(key) for key in _SCALE))
        computes.write(folder.workspace, folder.name, record)
        pool_of(folder.workspace, record).start_what_fits()


def delete(workspace: WorkspaceDirectory, name: str) -> int:
    """Remove a pool when its runs are gone; returns how many are asked to end."""
    folder = PoolFolder(workspace, name)
    with folder.locked():
        record = folder.record()
        if record.get("state") != DELETING:
            now = time.time()
            record = {**record, "state": DELETING, "modified": now, "changed": now}
            computes.write(workspace, name, record)
            pool_starting.mark(folder)
        count = len(runs_of(folder))
        pool_of(workspace, record).start_what_fits()
    return count


def runs_of(folder: PoolFolder) -> list[RunDirectory]:
    """The runs that have a node, then those that wait, in order."""
    pool = pool_of(folder.workspace, folder.record())
    running = {run.path: run for run in pool.taken().values()}
    return [*running.values(), *pool.waiting()]


def pool_of(workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> Any:
    """A pool: on this machine, or on a cluster."""
    return targets.load_target(str(record["name"]), workspace)
