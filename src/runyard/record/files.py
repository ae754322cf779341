"""Files kept with a run, by the names users know them under.

Names are relative with '/': ``outputs/…``, ``logs/…``, ``user_logs/…``, ``system_logs/…`` lie
under those folders of the run directory; any other name lies under ``files/``.
"""

import os

from runyard.errors import UserErrorException
from runyard.record import creation, owner, unwritten
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Iterator, List

_OWN_FOLDERS = ("outputs", "logs", "user_logs", "system_logs")
_WRITABLE = ("outputs", "logs")
_CHUNK_BYTES = 1 << 20


def path_of(run: RunDirectory, name: str) -> str:
    """Where the file of that name lies. Raises UserErrorException for names that lead outside."""
    clean = os.path.normpath(name.lstrip("/"))
    if clean.startswith("..") or clean in (".", "") or "\0" in clean:
        raise UserErrorException("{!r} is not a usable file name inside a run".format(name))
    top = clean.split("/", 1)[0]
    return run.join(clean) if top in _OWN_FOLDERS and "/" in clean else run.join("files", clean)


def source_of(run: RunDirectory, name: str) -> str:
    """Where the file of that name is read from.

    Raises UserErrorException as ``path_of``, and for a link out of the run of another user.
    """
    path = path_of(run, name)
    refuse_led_out(run, name, path)
    return path


def refuse_led_out(run: RunDirectory, name: str, path: str) -> None:
    """Raise UserErrorException for a link that another user has made to lead out of the run.

    Whoever downloads, exports or shows it would copy what only they may read, and not know it.
    """
    if owner.is_own(run.path):
        return
    real = os.path.realpath(path)
    if not real.startswith(os.path.realpath(run.path) + os.sep):
        raise UserErrorException(
            "{!r} of run {} is a link to {!r}, outside of the run, and the run is another user's: "
            "it is not followed. Copy that file yourself, if it is what you want".format(
                name, run.id, real
            )
        )


def names(run: RunDirectory) -> "List[str]":
    """The names of all files of the run, sorted."""
    found = [name for folder in _OWN_FOLDERS for name in _walk(run.join(folder), folder + "/")]
    found.extend(_walk(run.files, ""))
    return sorted(found)


def _walk(folder: str, prefix: str) -> "Iterator[str]":
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, prefix + entry.name + "/")
        elif not entry.name.endswith(".part~"):
            yield prefix + entry.name


def store(run: RunDirectory, name: str, source: "BinaryIO") -> str:
    """Copy a stream in under a new name and return the name as stored; never half-written.

    Raises UserErrorException when the name is taken: files of a run are not replaced
    (spec 12.7), or belongs to the run's own logs, and RunWriteException.
    """
    target = path_of(run, name)
    stored = os.path.relpath(target, run.path)
    top = stored.split("/", 1)[0]
    if top not in _WRITABLE and top != "files":
        raise UserErrorException("{!r} lies in a folder that only runyard writes".format(name))
    with unwritten.Writing("file {!r} was not stored with run {}".format(name, run.id), target):
        # By the real path: outputs/ may be a link to a folder that the script has removed.
        os.makedirs(os.path.realpath(os.path.dirname(target)), exist_ok=True)
        # Processes on several nodes may have the same number.
        part = "{}.{}-{}.part~".format(target, os.getpid(), creation.random_hex(4))
        try:
            _write(part, source)
            _publish(part, target, name, run)
        finally:
            if os.path.exists(part):
                os.unlink(part)
    return stored[len("files/") :] if top == "files" else stored


def _publish(part: str, target: str, name: str, run: RunDirectory) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        raise UserErrorException(
            "run {} already has a file {!r}; choose another name".format(run.id, name)
        )


def _write(path: str, source: "BinaryIO") -> None:
    with open(path, "wb") as stream:
        while True:
            chunk = source.read(_CHUNK_BYTES)
            if not chunk:
                return
            stream.write(chunk)
