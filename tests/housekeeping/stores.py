"""Snapshots with runs that refer to them, made quickly, and what is in a store."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from runyard.history import store_lock
from runyard.history.snapshots import SnapshotStore
from runyard.record import creation
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status


def recorded(
    workspace: WorkspaceDirectory, source: Path, run_id: str | None = None
) -> RunDirectory:
    """A run of a source folder as submission records it, without a runner."""
    with store_lock.shared(workspace.path) as hold:
        snapshot = SnapshotStore(Path(workspace.path)).take(source, hold=hold)
        record = {"type": "azureml.scriptrun", "snapshot": snapshot.id, "spec": None}
        return creation.create_run(workspace, "exp", record, run_id)


def end(run: RunDirectory, reason: Reason = Reason.COMPLETED) -> None:
    """End it as its runner does."""
    log = EventLog(run)
    log.status(Status.RUNNING)
    log.end(reason)
    log.close()


def remove(run: RunDirectory) -> None:
    """As a user does."""
    shutil.rmtree(run.path)


def snapshots(workspace: WorkspaceDirectory) -> set[str]:
    """The ids of those that are there."""
    return {path.stem for path in Path(workspace.path, "snapshots").glob("*.json")}


def contents(workspace: WorkspaceDirectory) -> set[bytes]:
    """Of all blobs that are there."""
    return {path.read_bytes() for path in Path(workspace.blobs).glob("??/*")}


def grow_old(workspace: WorkspaceDirectory, hours: float = 48) -> None:
    """All files of the store were changed so long ago."""
    then = time.time() - hours * 3600
    for folder in ("snapshots", "blobs"):
        for path in Path(workspace.path, folder).rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))
