"""A run's data, made available before its script starts.

The runner calls it: standard library only, and only in runs that have data. `collecting` takes
back what the script leaves.
"""

from __future__ import annotations

import os
import time

from runyard.data import links
from runyard.errors import RunyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from runyard.data.fingerprints import Input
    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory

    Say = Callable[[str], None]
    Action = Callable[[RunDirectory, Place, Say], None]

SHOWN = 20
"""How many skipped files are named in the log."""


class StagingError(Exception):
    """An input or output of a run could not be staged; ``message`` says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def stage(run: RunDirectory, found: list[Place], log: TextIO) -> None:
    """Bring all that a run reads to its place, and make what it writes to. Raises StagingError.

    Changes the places: where remote files and datasets lie is known only now.
    """
    say = saying(log)
    for place in found:
        named(place, _action(place), run, say)
        say(str(place))
    from runyard.data import fingerprints

    try:
        fingerprints.record(run, [_identity(place) for place in found if place.is_input])
    except OSError as error:  # the run can do without
        say(f"what the data was could not be recorded: {error}")


def _action(place: Place) -> Action:
    if place.is_upload:
        return _prepare_upload
    if place.kind == "dataset":
        from runyard.data import dataset_staging

        return dataset_staging.stage
    if place.is_remote:
        from runyard.data import fetching

        return fetching.stage
    if place.kind == "output":
        return _output
    return {"mount": mount, "download": _download}[place.mode]


def _identity(place: Place) -> Input:
    from runyard.data.fingerprints import Input

    return Input(
        place.name,
        place.kind,
        place.mode,
        place.source,
        place.datastore or None,
        place.path,
        place.entries,
        place.dataset,
        place.version,
        place.id,
    )


def named(place: Place, action: Action, run: RunDirectory, say: Say) -> None:
    """Do something with a place; errors say with which. Raises StagingError."""
    try:
        action(run, place, say)
    except OSError as error:
        text = f"{error.strerror or error}: {error.filename!r}" if error.filename else str(error)
        raise StagingError(f"{place.called} ({place.mode} of {place.of}): {text}") from error
    except RunyardError as error:
        raise StagingError(f"{place.called} ({place.mode} of {place.of}): {error}") from error


def saying(log: TextIO) -> Say:
    """A function that writes a line to the log at once."""

    def say(text: str) -> None:
        log.write(text + "\n")
        log.flush()

    return say


def mount(run: RunDirectory, place: Place, say: Say) -> None:
    """Let a file or folder of this machine be seen where it is wanted: it is never listed."""
    _check_source(run, place)
    if os.path.realpath(place.here) == os.path.realpath(place.source):
        return
    os.makedirs(os.path.dirname(place.here), exist_ok=True)
    check_free(place)
    links.make(place)


def check_free(place: Place) -> None:
    """Raise StagingError when there is something already where a mount is to be."""
    if os.path.lexists(place.here):
        raise StagingError(
            f"{place.called} is to be mounted at {place.seen!r}, and there is something already; "
            "give another path_on_compute, or leave it out"
        )


def _check_source(run: RunDirectory, place: Place) -> None:
    """It was there when the run was submitted; that of a built-in datastore is made."""
    inside = place.source.startswith(os.path.join(run.workspace.path, ""))
    if inside and not place.path and not place.file_name:
        os.makedirs(place.source, exist_ok=True)
    if not os.path.exists(place.source):
        raise gone(place)


def gone(place: Place) -> StagingError:
    """The error for an input that was there when the run was submitted."""
    return StagingError(
        f"{place.called}: {place.source!r} is no longer there ({place.of}); "
        "put it back and submit the run again"
    )


def _download(run: RunDirectory, place: Place, say: Say) -> None:
    _check_source(run, place)
    found = pairs(place.source, place.here, say)
    from runyard.data import room

    size_bytes = sum(os.stat(source).st_size for source, _ in found)
    room.check(place.here, size_bytes)
    if os.path.isdir(place.source):
        os.makedirs(place.here, exist_ok=True)
    skipped = set(copied(found, place.overwrite, "copied", say))
    place.files, place.size_bytes = len(found), size_bytes
    if skipped:
        from runyard.data import fingerprints, stayed

        place.entries = fingerprints.of_this_machine(place.source, place.mode)
        stayed.note(place, [pair for pair in found if pair[1] in skipped])


def _output(run: RunDirectory, place: Place, say: Say) -> None:
    """A folder of this machine is written to as it is."""
    os.makedirs(place.source, exist_ok=True)
    mount(run, place, say)


def _prepare_upload(run: RunDirectory, place: Place, say: Say) -> None:
    os.makedirs(place.here, exist_ok=True)


def pairs(source: str, target: str, say: Say) -> list[tuple[str, str]]:
    """Each file of ``source`` with where it goes; the log names what is neither file nor folder."""
    from runyard.data import transfers

    strange: list[str] = []
    found = transfers.pairs(source, target, strange)
    if strange:
        say(f"neither files nor folders, and not copied: {', '.join(strange)}")
    return found


def copied(found: list[tuple[str, str]], overwrite: bool, done: str, say: Say) -> list[str]:
    """Copy files; returns the targets that were there already, and stayed.

    One that fails does not keep back the others, and is raised when all is done.
    """
    from runyard.data import transfers

    begun, size = time.monotonic(), 0
    skipped: list[str] = []
    failed: list[OSError] = []
    for source, target in found:
        try:
            if transfers.copy(source, target, overwrite=overwrite):
                size += os.stat(source).st_size
            else:
                skipped.append(target)
        except OSError as error:
            if error.filename is None:  # a disk that is full, in the middle of a file
                error.filename = target
            failed.append(error)
    whole = len(found) - len(skipped) - len(failed)
    tell(say, done, whole, size, seconds=time.monotonic() - begun, skipped=skipped)
    if failed:
        raise failed[0]
    return skipped


def tell(
    say: Say, done: str, files: int, size_bytes: int, *, seconds: float, skipped: list[str]
) -> None:
    """Say in the log what was copied, and what was left as it was."""
    for target in skipped[:SHOWN]:
        say(f"Target already exists. Skipping {target}")
    from runyard.data import room

    text = "1 file" if files == 1 else f"{files} files"
    say(f"{done} {text}, {room.in_bytes(size_bytes)}, in {seconds:.2f} s; {len(skipped)} skipped")
