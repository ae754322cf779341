"""Carrying out in a run directory what has changed in the one far away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from runyard.data.relay import batches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runyard.data.relay.batches import Change
    from runyard.data.stores.store import Store
    from runyard.record.layout import RunDirectory


def apply(
    run: RunDirectory, store: Store, number: int, before_end: Callable[[str], None]
) -> tuple[bool, bool]:
    """Fetch and carry out the change of that number: whether it is there, and was the last.

    Twice is as good as once. ``before_end`` is called with the reason before the end of the run is
    written. Raises what stores raise, OSError, and ValueError for what is no
    such change.
    """
    place = batches.back(run.id, number)
    entry = store.entry(place)
    if entry is None:
        return False, False
    with TemporaryDirectory(dir=run.join("relay")) as folder:
        file = os.path.join(folder, "batch")
        store.fetch([(entry, file)])
        changes = batches.decode(Path(file).read_bytes())
        if any("object" in change for change in changes):
            wanted = list(store.entries(f"{place}.files"))
            named = [(item, os.path.join(folder, item.path.rpartition("/")[2])) for item in wanted]
            store.fetch(named)
        for change in changes:
            if "path" in change:
                reason = _reason(change)
                if reason:
                    before_end(reason)
                _carry_out(run, change, folder)
    return True, any("end" in change for change in changes)


def _reason(change: Change) -> str:
    """How the run ended, of the change that says so; '' of any other."""
    if change["path"] != "events.jsonl":
        return ""
    lines = batches.unpacked(change["data"]).splitlines()
    return str(json.loads(lines[-1]).get("reason") or "") if lines else ""


def _carry_out(run: RunDirectory, change: Change, folder: str) -> None:
    place = _place(run, change["path"])
    if "folder" in change:
        if os.path.islink(place) or not os.path.isdir(place):
            _remove(place)  # the script has made a folder in place of a file or of a link
        os.makedirs(place, exist_ok=True)
        return
    if "removed" in change:
        _remove(place)
        return
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if "at" in change:
        _write_at(place, change["at"], batches.unpacked(change["data"]), bool(change.get("cut")))
        return
    temporary = os.path.join(folder, "whole")
    if "link" in change:
        os.symlink(change["link"], temporary)
    elif "object" in change:
        os.rename(os.path.join(folder, change["object"]), temporary)
    else:
        Path(temporary).write_bytes(batches.unpacked(change["data"]))
    if "mode" in change:
        os.chmod(temporary, change["mode"])
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place)
    os.rename(temporary, place)


def _place(run: RunDirectory, path: str) -> str:
    """Where a path lies here. Raises ValueError for one that leads out of the run directory."""
    place = run.join(path)
    top = os.path.realpath(run.path)
    folder = os.path.realpath(os.path.dirname(place))
    if not batches.is_sent(path) or os.path.commonpath([top, folder]) != top:
        raise ValueError(f"a change of {path!r}, which is not the runner's to change")
    return place


def _write_at(place: str, begin: int, data: bytes, cut: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(place, flags, 0o644)
    try:
        if cut:
            os.ftruncate(fd, begin)
        while data:
            written = os.pwrite(fd, data, begin)
            data, begin = data[written:], begin + written
    finally:
        os.close(fd)


def _remove(place: str) -> None:
    try:
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        else:
            os.unlink(place)
    except (FileNotFoundError, NotADirectoryError):
        return
