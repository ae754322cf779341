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
_BEGUN = "work.begun"


def prepare(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Make work/ with a copy of the snapshot, and outputs/ and logs/ in it linked from above.

    It has its name when it is whole: in one that a killed runner had left, half a file could not
    be told from one that the script has written.
    """
    if os.path.lexists(run.work):
        if record["spec"].get("attempt") is None:  # of a target that starts a run only once
            raise FileExistsError(f"{run.work} is there already")
        _restore(run, record)
        return
    begun = run.join(_BEGUN)
    _make(begun)
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.materialise(manifest, run.workspace.blobs, begun)
    for name in _KEPT:
        os.makedirs(os.path.join(begun, name), exist_ok=True)
    os.rename(begun, run.work)
    _link(run)


def _make(begun: str) -> None:
    try:
        os.mkdir(begun)
    except FileExistsError:  # copies of a killed runner, which no script has seen
        import shutil

        shutil.rmtree(begun)
        os.mkdir(begun)


def _restore(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Add what an earlier attempt, which may have been killed at any moment, has not left there."""
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.materialise(manifest, run.workspace.blobs, run.work, missing_only=True)
    for name in _KEPT:
        os.makedirs(os.path.join(run.work, name), exist_ok=True)
    _link(run)


def _link(run: RunDirectory) -> None:
    for name in _KEPT:
        if not os.path.lexists(run.join(name)):
            os.symlink(os.path.join("work", name), run.join(name))


def clean(run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Remove what is still as in the snapshot; all that the script made or changed stays."""
    if record.get("snapshot"):
        manifest = run.workspace.manifest(record["snapshot"])
        workdir.remove_unchanged(manifest, run.workspace.blobs, run.work, keep=_KEPT)
