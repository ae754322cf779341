"""The script's working directory: made from the snapshot, tidied at the end."""

from __future__ import annotations

import os

from runyard.record import workdir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory

_KEPT = ("outputs", "logs")


def prepare(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Make work/ with a copy of the snapshot, and outputs/ and logs/ in it linked from above."""
    try:
        os.mkdir(run.work)
    except FileExistsError:
        if record["spec"].get("attempt") is None:  # of a target that starts a run only once
            raise
        _restore(run, record)
        return
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.materialise(manifest, run.workspace.blobs, run.work)
    for name in _KEPT:
        os.makedirs(os.path.join(run.work, name), exist_ok=True)
        os.symlink(os.path.join("work", name), run.join(name))


def _restore(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Add what an earlier attempt, which may have been killed at any moment, has not left there."""
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.materialise(manifest, run.workspace.blobs, run.work, missing_only=True)
    for name in _KEPT:
        os.makedirs(os.path.join(run.work, name), exist_ok=True)
        if not os.path.lexists(run.join(name)):
            os.symlink(os.path.join("work", name), run.join(name))


def clean(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Remove what is still as in the snapshot; all that the script made or changed stays."""
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.remove_unchanged(manifest, run.workspace.blobs, run.work, keep=_KEPT)
