"""What a queued run needs of its submitter and must not touch the disk: its environment.

It lies in /dev/shm, in a folder that only this user may open, until the run starts or ends; a
restart of the machine empties it.
"""

from __future__ import annotations

import errno
import json
import os
import stat

from runyard.errors import ComputeTargetException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLACE = "/dev/shm"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def keep(pool: str, ticket: str, variables: Mapping[str, str]) -> str:
    """Keep the environment of a run that waits; returns the file it is in.

    ``pool``: the pool's folder. Raises ComputeTargetException when there is no memory for it.
    """
    try:
        path = os.path.join(_folder(pool, make=True), ticket)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as stream:
                stream.write(json.dumps(dict(variables)).encode("ascii"))
        except OSError:
            os.unlink(path)
            raise
    except OSError as error:
        advice = "make room there" if error.errno in _FULL else "check who may write there"
        raise ComputeTargetException(
            "the environment of a run that waits is kept in memory, and that cannot be done: "
            f"{error.strerror or error} ({error.filename or PLACE}); {advice}, or submit when a "
            "node of the target is free",
            error,
        ) from error
    return path


def recall(path: str) -> dict[str, str] | None:
    """The environment kept in a file; None after a restart of the machine."""
    try:
        with open(path, "rb") as stream:
            found = json.loads(stream.read())
    except (OSError, ValueError):
        return None
    return {str(name): str(value) for name, value in found.items()}


def forget(path: str | None) -> None:
    """Remove what is kept for a run."""
    if path is not None:
        try:
            os.unlink(path)
        except OSError:
            return


def sweep(pool: str, tickets: Iterable[str]) -> None:
    """Remove what belongs to no ticket: its submitter was killed. Under the pool's lock."""
    try:
        folder = _folder(pool, make=False)
        for name in set(os.listdir(folder)).difference(tickets):
            forget(os.path.join(folder, name))
        if not tickets:
            os.rmdir(folder)
    except OSError:
        return


def _folder(pool: str, make: bool) -> str:
    """That of a pool: a copy of the workspace has another one, a workspace that moved the same."""
    own = os.path.join(PLACE, f"runyard-{os.getuid()}")
    place = os.stat(pool)
    folder = os.path.join(own, f"{place.st_dev:x}-{place.st_ino:x}")
    if make:
        _make(own)
        _make(folder)
    return folder


def _make(folder: str) -> None:
    """Anybody may make names in /dev/shm: one that is not ours is not used."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        found = os.lstat(folder)
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not private or found.st_uid != os.getuid():
            raise PermissionError(
                errno.EPERM, "it is not a folder of this user alone", folder
            ) from None
