"""What a run's script leaves, taken to the datastores after its end, and the run's places tidied.

The runner calls it: standard library only, and only in runs that have data.
"""

from __future__ import annotations

import contextlib
import os
import time

from runyard import _names
from runyard.data import links, staging, transfers, views
from runyard.data.staging import SHOWN, StagingError
from runyard.errors import RunyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from runyard.data.places import Place
    from runyard.data.staging import Say
    from runyard.data.stores.store import Entry
    from runyard.record.layout import RunDirectory


def has_work(found: Sequence[Place], *, completed: bool) -> bool:
    """Whether `collect` would have anything to do."""
    return any(
        place.is_upload or _is_stored(place) or (completed and place.kind == "output")
        for place in found
    )


def collect(run: RunDirectory, found: list[Place], log: TextIO, *, completed: bool) -> None:
    """Store what the script left; of a run that has completed all, register its outputs.

    Each file is there whole or not at all, and one that fails does not keep back the others.
    Raises StagingError.
    """
    say = staging.saying(log)
    failed = []
    for place in found:
        action = _upload if place.is_upload else _store_changes if _is_stored(place) else None
        try:
            if action is not None:
                staging.named(place, action, run, say)
        except StagingError as error:
            say(error.message)
            failed.append(error.message)
    if failed:
        raise StagingError("; ".join(failed))
    outputs = [place for place in found if place.kind == "output"]
    if completed and outputs:
        _register(run, outputs, say)


def _is_stored(place: Place) -> bool:
    """Whether what the script changes at the place of an input goes to the datastore."""
    is_mount = place.kind == "reference" and place.mode == "mount"
    return is_mount and place.is_remote and not place.is_fuse


def _upload(run: RunDirectory, place: Place, say: Say) -> None:
    if not os.path.lexists(place.here):
        say(f"{place.name}: nothing to upload, {place.seen!r} is not there")
        return
    found = staging.pairs(place.here, "", say)
    if not os.path.isdir(place.here):  # the script has made a file of that name
        found = [(place.here, os.path.basename(place.here))]
    _store(run, place, _matching(place, found, say), say)


def _matching(place: Place, found: list[tuple[str, str]], say: Say) -> list[tuple[str, str]]:
    """Those that the globs of an output mean; all, where it has none."""
    globs = place.item.get("globs")
    if globs is None:
        return found
    from runyard.job.datasets import definition

    patterns = [definition.matcher(glob.removeprefix("./").lstrip("/")) for glob in globs]
    kept = [pair for pair in found if any(pattern.match(pair[1]) for pattern in patterns)]
    say(f"{place.name}: {len(kept)} of {len(found)} files match {', '.join(globs)}")
    return kept


def _store_changes(run: RunDirectory, place: Place, say: Say) -> None:
    """What the script made or changed in a mount; what it removed stays on the datastore."""
    same = set(views.unchanged(run, place).values())
    found = staging.pairs(place.here, "", say) if os.path.isdir(place.here) else []
    if place.file_name and os.path.isfile(place.here):
        found = [(place.here, "")]
    changed = [pair for pair in found if pair[0] not in same]
    if changed:
        _store(run, place, changed, say)


def _store(run: RunDirectory, place: Place, found: list[tuple[str, str]], say: Say) -> None:
    """Store files of this machine under their relative paths; '' is the place's own."""
    if place.contained:
        found = _shared(run, found, say)
    if not place.is_remote:
        target = [(path, os.path.join(place.source, name)) for path, name in found]
        _say_kept(run, place, staging.copied(target, place.overwrite, "uploaded", say))
        return
    from runyard.data import registry

    begun = time.monotonic()
    given = [(path, "/".join(filter(None, (place.path, name)))) for path, name in found]
    of = {stored: path for path, stored in given}
    stored: list[Entry] = []
    skipped: list[str] = []

    def done(entry: Entry, new: bool) -> None:
        if not new:
            skipped.append(entry.path)
            return
        stored.append(entry)
        if place.mode == "mount" or of.get(entry.path, "").startswith(run.join("data", "")):
            with contextlib.suppress(OSError):
                os.unlink(of[entry.path])  # it is where it belongs, as in a mount of this machine

    store = registry.store_of(run.workspace, place.datastore)
    # As a mount, the folder of an output, and what is changed in one, replaces what was there.
    try:
        store.put(given, overwrite=place.overwrite or place.mode == "mount", done=done)
    finally:
        size_bytes = sum(entry.size_bytes for entry in stored)
        seconds = time.monotonic() - begun
        done_text = f"{place.name}: uploaded"
        staging.tell(say, done_text, len(stored), size_bytes, seconds=seconds, skipped=skipped)
        _say_left(run, place, len(given) - len(stored) - len(skipped), len(given))
    _say_kept(run, place, skipped)


def _say_left(run: RunDirectory, place: Place, left: int, files: int) -> None:
    """Say in the run's log that an upload has failed or was ended, and where the results are."""
    if left:
        _to_log(
            run, f"data: {place.name}: {left} of {files} not stored; they are in {place.here}\n"
        )


def _say_kept(run: RunDirectory, place: Place, kept: list[str]) -> None:
    """Say in the run's log that older files stay: who reads the datastore next reads those."""
    if not kept:
        return
    files = "1 file was" if len(kept) == 1 else f"{len(kept)} files were"
    line = (
        f"data: {place.name}: {files} there already, and what the script has left is not stored in "
        f"place of that: {', '.join(map(os.path.basename, kept[:3]))}{', …' * (len(kept) > 3)}; "
        "as_upload(overwrite=True) replaces it\n"
    )
    _to_log(run, line)


def _to_log(run: RunDirectory, line: str) -> None:
    with open(run.std_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        log.write(line)


def _shared(run: RunDirectory, pairs: list[tuple[str, str]], say: Say) -> list[tuple[str, str]]:
    """Those that are the same file in the container, which has the workspace under its own path.

    Any other place that a link leads to is one of the container, and has other files here.
    """
    top = os.path.join(os.path.realpath(run.workspace.path), "")
    kept = [pair for pair in pairs if os.path.realpath(pair[0]).startswith(top)]
    left = [source for source, _ in pairs if not os.path.realpath(source).startswith(top)]
    if left:
        say(f"links out of the workspace, not copied from a container: {', '.join(left[:SHOWN])}")
    return kept


def _register(run: RunDirectory, outputs: Sequence[Place], say: Say) -> None:
    """Register the outputs of a run that has completed. Raises StagingError."""
    finish = _names.load("runyard.data.datasets.registering:finish")
    try:
        finish(run, [dict(place.item) for place in outputs])
    except (OSError, RunyardError) as error:
        names = ", ".join(place.name for place in outputs)
        raise StagingError(f"outputs could not be registered ({names}): {error}") from error


def tidy(run: RunDirectory, found: list[Place]) -> None:
    """Remove links, and copies that are still what they were copied from.

    What the script made or changed stays, unless it was stored, and so do copies outside the run's
    folder; of mounts nothing else stays anywhere.
    """
    for place in found:
        if place.is_fuse:
            from runyard.data import fuse_mount

            fuse_mount.unmount(run, place)
        elif place.is_itself:
            links.remove(place)
        elif place.mode == "mount" or place.here.startswith(os.path.join(run.path, "")):
            _remove_copies(run, place)
        views.forget(run, place)
    _remove_parts(run.join("data"))
    _remove_empty(run.join("data"))


def _remove_copies(run: RunDirectory, place: Place) -> None:
    is_mount = place.mode == "mount"
    own = os.path.join(os.path.realpath(os.path.dirname(place.here) if is_mount else run.path), "")
    folders: set[str] = set()
    for copy in _copies(run, place):
        folder = os.path.dirname(copy)
        if folder not in folders and not os.path.join(os.path.realpath(folder), "").startswith(own):
            continue  # the script has put a link to somewhere else in its place
        folders.add(folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy)
    if is_mount:
        if not os.path.islink(place.here):
            _remove_empty(place.here)
        return
    for folder in sorted(folders, reverse=True):
        _remove_empty_folder(run, folder)


def _copies(run: RunDirectory, place: Place) -> list[str]:
    """The files of ours at a place that are still as they were copied."""
    kept = list(views.unchanged(run, place).values())
    if kept or place.is_remote or not place.source:
        return kept
    if place.mode == "download":
        found = [(copy, source) for source, copy in transfers.pairs(place.source, place.here)]
    elif place.here.startswith(run.join("data", "")) and os.path.isdir(place.here):
        found = transfers.pairs(place.here, place.source)
    else:
        found = []  # in the working directory they are the script's own
    return [copy for copy, other in found if _same(copy, other)]


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


def _remove_parts(folder: str) -> None:
    """Remove what a process that was killed had not finished writing."""
    for path, _, names in os.walk(folder):
        for name in names:
            if name.endswith(transfers.PART):
                os.unlink(os.path.join(path, name))


def _remove_empty(folder: str) -> None:
    """Remove a folder and those below it, as far as there is nothing in them."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            continue
