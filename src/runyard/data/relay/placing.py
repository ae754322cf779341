"""Placing on a datastore what a runner needs that does not see the workspace."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from runyard.data import credentials, registry
from runyard.data.relay import batches
from runyard.record import jsonl
from runyard.record.workdir import read_manifest

if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory, WorkspaceDirectory

VARIABLE = "RUNYARD_RELAY"
"""Where the far runner finds the datastore: JSON with its URL, options and secrets."""


def place(run: RunDirectory) -> dict[str, str]:
    """Place a run, whose run.json is written; returns what its runner must be told in secret.

    Raises what stores raise.
    """
    record = jsonl.read_json(run.run_json)
    name = record["spec"]["relay"]
    store = registry.store_of(run.workspace, name)
    os.makedirs(run.join("relay"), exist_ok=True)
    with TemporaryDirectory(dir=run.join("relay")) as folder:
        if record.get("snapshot"):
            source = _archive(run.workspace, record["snapshot"], folder)
            store.put([(source, batches.snapshot(record["snapshot"]))])
        begin = os.path.join(folder, "run.json")
        used = {item: registry.record(run.workspace, item) for item in _datastores(record["spec"])}
        Path(begin).write_text(json.dumps({**_about(run, record), "datastores": used}))
        store.put([(begin, f"{batches.prefix(run.id)}/run.json")], overwrite=True)
    return {VARIABLE: json.dumps(_told(run.workspace, name, used))}


def _about(run: RunDirectory, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": batches.FORMAT,
        "experiment": run.experiment,
        "run": record,
        "workspace": jsonl.read_json(run.workspace.workspace_json),
    }


def _told(directory: WorkspaceDirectory, name: str, used: Mapping[str, Any]) -> dict[str, Any]:
    found = registry.record(directory, name)
    return {
        "url": found["url"],
        "options": found.get("options") or {},
        "secrets": _secrets(directory, name, found),
        "datastores": {
            item: _secrets(directory, item, described) for item, described in used.items()
        },
    }


def _secrets(directory: WorkspaceDirectory, name: str, found: Mapping[str, Any]) -> dict[str, str]:
    return credentials.read(directory, name) if found.get("secrets") else {}


def _datastores(spec: Mapping[str, Any]) -> Iterator[str]:
    """The datastores that the data of a run lies on."""
    items = [*(spec.get("data") or ()), *(spec.get("outputs") or ())]
    for dataset in spec.get("datasets") or ():
        items += dataset["definition"]["sources"]
    yield from dict.fromkeys(item["datastore"] for item in items if item.get("datastore"))


def _archive(directory: WorkspaceDirectory, snapshot_id: str, folder: str) -> str:
    """A tar file with a snapshot as it lies in a workspace."""
    path = os.path.join(folder, "snapshot.tar")
    manifest = directory.manifest(snapshot_id)
    blobs = {entry[3] for entry in read_manifest(manifest) if entry[1] == "f"}
    with tarfile.open(path, "w", dereference=True) as archive:
        archive.add(manifest, f"snapshots/{snapshot_id}.json")
        for blob in sorted(blobs):
            part = f"{blob[:2]}/{blob}"
            archive.add(os.path.join(directory.blobs, part), f"blobs/{part}")
    return path
