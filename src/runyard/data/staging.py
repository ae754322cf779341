"""A run's data, made available before its script starts and taken back when it has ended.

The runner calls it: standard library only, and only in runs that have data.
"""

from __future__ import annotations

import os
import time

from runyard.data import transfers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory

    Say = Callable[[str], None]

_SHOWN = 20
"""How many skipped files are named in the log."""


class StagingError(Exception):
    """An input or output of a run could not be staged; ``message`` says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def stage(run: RunDirectory, found: list[Place], log: TextIO) -> None:
    """Bring every reference to its place. Raises StagingError."""
    say = _saying(log)
    for place in found:
        say(str(place))
        _named(place, _STAGE[place.mode], run, say)


def collect(run: RunDirectory, found: list[Place], log: TextIO) -> None:
    """Copy what the script left for upload to the datastores. Raises StagingError.

    Each file is there whole or not at all, and one that fails does not keep back the others.
    """
    say = _saying(log)
    failed = []
    for place in found:
        if place.mode == "upload":
            try:
                _named(place, _upload, run, say)
            except StagingError as error:
                say(error.message)
                failed.append(error.message)
    if failed:
        raise StagingError("; ".join(failed))


def tidy(run: RunDirectory, found: list[Place]) -> None:
    """Remove links, and copies that are still what they were copied from.

    What the script made or changed stays, and so does what lies outside the run's folder.
    """
    for place in found:
        if place.mode == "mount":
            _unlink(place)
        elif place.here.startswith(os.path.join(run.path, "")):
            _remove_copies(run, place)
    _remove_empty(run.join("data"))


def _named(
    place: Place, action: Callable[[RunDirectory, Place, Say], None], run: RunDirectory, say: Say
) -> None:
    try:
        action(run, place, say)
    except OSError as error:
        text = f"{error.strerror or error}: {error.filename!r}" if error.filename else str(error)
        where = f"{place.mode} of {place.datastore}:{place.path}"
        raise StagingError(f"data reference {place.name!r} ({where}): {text}") from error


def _saying(log: TextIO) -> Say:
    def say(text: str) -> None:
        log.write(text + "\n")
        log.flush()

    return say


def _mount(run: RunDirectory, place: Place, say: Say) -> None:
    _check_source(run, place)
    if os.path.realpath(place.here) == os.path.realpath(place.source):
        return
    os.makedirs(os.path.dirname(place.here), exist_ok=True)
    try:
        os.symlink(place.source, place.here)
    except FileExistsError as error:
        raise StagingError(
            f"data reference {place.name!r} is to be mounted at {place.seen!r}, and there is "
            "something already; give another path_on_compute, or leave it out"
        ) from error


def _check_source(run: RunDirectory, place: Place) -> None:
    """It was there when the run was submitted; that of a built-in datastore is made."""
    if not place.path and place.source.startswith(os.path.join(run.workspace.path, "")):
        os.makedirs(place.source, exist_ok=True)
    if not os.path.exists(place.source):
        raise StagingError(
            f"data reference {place.name!r}: {place.source!r} is no longer there "
            f"({place.datastore}:{place.path}); put it back and submit the run again"
        )


def _download(run: RunDirectory, place: Place, say: Say) -> None:
    _check_source(run, place)
    if os.path.isdir(place.source):
        os.makedirs(place.here, exist_ok=True)
    _copied(_pairs(place.source, place.here, say), place.overwrite, "copied", say)


def _prepare_upload(run: RunDirectory, place: Place, say: Say) -> None:
    os.makedirs(place.here, exist_ok=True)


def _upload(run: RunDirectory, place: Place, say: Say) -> None:
    if not os.path.lexists(place.here):
        say(f"{place.name}: nothing to upload, {place.seen!r} is not there")
        return
    target = place.source
    if not os.path.isdir(place.here):  # the script has made a file of that name
        target = os.path.join(target, os.path.basename(place.here))
    pairs = _pairs(place.here, target, say)
    if place.contained:
        pairs = _shared(run, pairs, say)
    _copied(pairs, place.overwrite, "uploaded", say)


def _shared(run: RunDirectory, pairs: list[tuple[str, str]], say: Say) -> list[tuple[str, str]]:
    """Those that are the same file in the container, which has the workspace under its own path.

    Any other place that a link leads to is one of the container, and has other files here.
    """
    top = os.path.join(os.path.realpath(run.workspace.path), "")
    kept = [pair for pair in pairs if os.path.realpath(pair[0]).startswith(top)]
    left = [source for source, _ in pairs if not os.path.realpath(source).startswith(top)]
    if left:
        say(f"links out of the workspace, not copied from a container: {', '.join(left[:_SHOWN])}")
    return kept


def _pairs(source: str, target: str, say: Say) -> list[tuple[str, str]]:
    strange: list[str] = []
    found = transfers.pairs(source, target, strange)
    if strange:
        say(f"neither files nor folders, and not copied: {', '.join(strange)}")
    return found


def _copied(pairs: list[tuple[str, str]], overwrite: bool, done: str, say: Say) -> None:
    """Copy files; one that fails does not keep back the others, and is raised when all is done."""
    begun, size = time.monotonic(), 0
    skipped: list[str] = []
    failed: list[OSError] = []
    for source, target in pairs:
        try:
            if transfers.copy(source, target, overwrite=overwrite):
                size += os.stat(source).st_size
            else:
                skipped.append(target)
        except OSError as error:
            failed.append(error)
    for target in skipped[:_SHOWN]:
        say(f"Target already exists. Skipping {target}")
    whole = len(pairs) - len(skipped) - len(failed)
    files = "1 file" if whole == 1 else f"{whole} files"
    seconds = time.monotonic() - begun
    say(f"{done} {files}, {size} bytes, in {seconds:.2f} s; {len(skipped)} skipped")
    if failed:
        raise failed[0]


_STAGE = {"mount": _mount, "download": _download, "upload": _prepare_upload}


def _unlink(place: Place) -> None:
    ours = place.here != place.source and os.path.islink(place.here)
    if ours and os.readlink(place.here) == place.source:
        os.unlink(place.here)


def _remove_copies(run: RunDirectory, place: Place) -> None:
    own = os.path.realpath(run.path) + os.sep
    folders: set[str] = set()
    for copy, other in _copies(run, place):
        folder = os.path.dirname(copy)
        if folder not in folders and not os.path.realpath(folder).startswith(own):
            continue  # the script has put a link to somewhere else in its place
        folders.add(folder)
        if _same(copy, other):
            os.unlink(copy)
    for folder in sorted(folders, reverse=True):
        _remove_empty_folder(run, folder)


def _copies(run: RunDirectory, place: Place) -> list[tuple[str, str]]:
    """The files of ours at a place, each with what it was copied from, or to."""
    if place.mode == "download":
        return [(copy, source) for source, copy in transfers.pairs(place.source, place.here)]
    if not place.here.startswith(run.join("data", "")):
        return []  # in the working directory they are the script's own
    return transfers.pairs(place.here, place.source) if os.path.isdir(place.here) else []


def _same(copy: str, other: str) -> bool:
    try:
        one, two = os.lstat(copy), os.stat(other)
    except OSError:
        return False
    return (one.st_size, one.st_mtime_ns) == (two.st_size, two.st_mtime_ns)


def _remove_empty_folder(run: RunDirectory, folder: str) -> None:
    if folder in (run.work, *(os.path.join(run.work, name) for name in ("outputs", "logs"))):
        return
    try:
        os.rmdir(folder)
    except OSError:
        return


def _remove_empty(folder: str) -> None:
    """Remove a folder and those below it, as far as there is nothing in them."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            continue
