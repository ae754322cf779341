"""A workspace of its own for one run that was placed on a datastore. Standard library only."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from pathlib import Path

from runyard.data.relay import batches
from runyard.errors import UserErrorException
from runyard.record import jsonl
from runyard.record.layout import RunDirectory, WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.data.stores.store import Store

_MEMBER = re.compile(r"(snapshots/[0-9a-f]+\.json|blobs/[0-9a-f]{2}/[0-9a-f]+)")


def unpack(store: Store, run_id: str, folder: str) -> RunDirectory:
    """Make the workspace in an empty folder; returns the directory of the run in it.

    Raises what stores raise, UserErrorException for a run that is not there.
    """
    about = json.loads(_fetched(store, f"{batches.prefix(run_id)}/run.json", folder))
    directory = WorkspaceDirectory(os.path.join(folder, ".runyard"))
    run = directory.run(about["experiment"], run_id)
    for path in (directory.blobs, os.path.join(directory.path, "snapshots"), run.path):
        os.makedirs(path)
    jsonl.write_once(directory.workspace_json, about["workspace"], sync=False)
    os.mkdir(os.path.join(directory.path, "datastores"))
    for name, registered in about["datastores"].items():
        place = os.path.join(directory.path, "datastores", f"{name}.json")
        jsonl.write_once(place, registered, sync=False)
    record: dict[str, Any] = about["run"]
    if record.get("snapshot"):
        _unpack_source(store, record["snapshot"], directory, folder)
    for name in RunDirectory.FOLDERS:
        os.mkdir(run.join(name))
    jsonl.write_once(run.run_json, record, sync=False)
    return run


def _fetched(store: Store, path: str, folder: str) -> bytes:
    target = Path(folder, "fetched")
    entry = store.entry(path)
    if entry is None:
        raise UserErrorException(
            f"there is no {path!r} on {store.url!r}: start the runner with the id of a run that "
            "was submitted to this target, and the variables it was submitted with"
        )
    store.fetch([(entry, str(target))], overwrite=True)
    return target.read_bytes()


def _unpack_source(
    store: Store, snapshot_id: str, directory: WorkspaceDirectory, folder: str
) -> None:
    _fetched(store, batches.snapshot(snapshot_id), folder)
    with tarfile.open(os.path.join(folder, "fetched")) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or not _MEMBER.fullmatch(member.name):
                raise UserErrorException(
                    f"the source of the run on {store.url!r} has {member.name!r}, which is not "
                    "part of a snapshot"
                )
            place = os.path.join(directory.path, member.name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with content, open(place, "wb") as stream:
                shutil.copyfileobj(content, stream)
