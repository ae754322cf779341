"""Who may rely on what the snapshot store holds, beside somebody who removes from it.

A submission trusts what is there: a snapshot that is not stored again because it is known, a blob
that is not written again because it exists. Nothing refers to either until run.json is written. So

* **whoever refers holds the lock shared** (`shared`), from before it decides what need not be
  stored until run.json is there: 10 us of a submission;
* **whoever removes holds it alone** (`alone`), in pieces of some milliseconds, and in each of them
  looks first which runs there are now. It removes the stat caches, then raises the *generation*,
  the number in the lock file, then removes; what was planned in an earlier generation is looked at
  again by whoever holds the lock next, for it may rest on a stat cache that says too much;
* **the door** (`store.door`) is locked by who waits to be alone, and passed by all others on their
  way in, so that submissions without a pause do not keep `runyard gc` out for ever. Who holds the
  lock must not take it again: it would wait at the door for itself;
* **a snapshot goes before its blobs**, so one that is there is whole, whenever somebody is killed.

Processes of older releases, and file systems without locks, are what the grace period is for:
nothing younger is removed, and a snapshot that is referred to again is made young by its
modification time. Both times are the file system's, so clocks of other machines do not matter.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.errors import SnapshotException, WorkspaceException

if TYPE_CHECKING:
    from typing_extensions import Self

NAME = "store.lock"
"""The lock's file, in the workspace folder."""

DOOR = "store.door"

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
_PAUSE_S = 0.002
_SHARED_WAIT_S = 30.0


class Hold:
    """The lock, held until `release` or the end of the ``with``. ``locked``: False where the lock
    file cannot be had or the file system has no locks."""

    def __init__(self, fd: int, locked: bool) -> None:
        self._fd = fd
        self.locked = locked
        self.generation = _generation(fd)

    def release(self) -> None:
        """Let go; again does nothing."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # also for a child that was forked meanwhile
        os.close(self._fd)
        self._fd = -1

    def raise_generation(self) -> float:
        """What was planned until now is void; returns the file system's time, in s since 1970.

        Only for who holds the lock alone. Raises OSError.
        """
        self.generation += 1
        text = f"{self.generation} {os.getpid()} {os.uname().nodename}\n".encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))
        return os.fstat(self._fd).st_mtime

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def shared(workspace: str | os.PathLike[str], wait_s: float = _SHARED_WAIT_S) -> Hold:
    """Hold the lock with others who refer to what the store has.

    Raises SnapshotException when somebody who removes has held it for ``wait_s`` (it takes
    milliseconds: that process is stopped).
    """
    fds: list[int] = []
    try:
        for name in (DOOR, NAME):
            fds.append(_opened(os.path.join(workspace, name), os.O_RDONLY))
            got = _locked(fds[-1], fcntl.LOCK_SH, wait_s)
            if got is False:
                raise _kept_waiting(workspace, wait_s)
        return Hold(fds.pop(), locked=bool(got))
    except OSError:  # what cannot be written here is said by who writes it
        return Hold(-1, locked=False)
    finally:
        for fd in fds:
            os.close(fd)


def _kept_waiting(workspace: str | os.PathLike[str], wait_s: float) -> SnapshotException:
    return SnapshotException(
        f"the snapshots of {os.fspath(workspace)!r} are locked for {wait_s:.0f} s by `runyard gc` "
        f"({_owner(workspace)}), which should take milliseconds. If it is stopped, continue it "
        "(kill -CONT) or end it, and submit again."
    )


def alone(workspace: str | os.PathLike[str], wait_s: float) -> Hold:
    """Hold the lock with nobody beside.

    Raises WorkspaceException when others do not let go of it for ``wait_s``, OSError when the
    lock file cannot be written. Where there are no locks, ``locked`` is False.
    """
    # Written to by nobody, yet NFS and CIFS lock exclusively only what is open for writing.
    door = _opened(os.path.join(workspace, DOOR), os.O_RDWR)
    fd = -1
    try:
        fd = _opened(os.path.join(workspace, NAME), os.O_RDWR)
        got = _locked(door, fcntl.LOCK_EX, wait_s) is not False and _locked(
            fd, fcntl.LOCK_EX, wait_s
        )
        if got is not False:
            held, fd = fd, -1
            return Hold(held, locked=bool(got))
    finally:
        os.close(door)
        if fd >= 0:
            os.close(fd)
    raise WorkspaceException(
        f"a process that submits runs to {os.fspath(workspace)!r} has been at it for {wait_s:.0f} "
        "s, so nothing could be removed from its snapshots; run the command again later"
    )


def generation(workspace: str | os.PathLike[str]) -> int:
    """How often something was removed from the store; to be read before a stat cache is."""
    try:
        fd = os.open(os.path.join(workspace, NAME), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _generation(fd)
    finally:
        os.close(fd)


def _opened(path: str, flags: int) -> int:
    flags |= os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def _locked(fd: int, how: int, wait_s: float) -> bool | None:
    """Whether the lock is held now; None where there are no locks."""
    deadline = None
    while True:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            now = time.monotonic()
            deadline = now + wait_s if deadline is None else deadline
            if now >= deadline:
                return False
            time.sleep(_PAUSE_S)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return None
            raise


def _generation(fd: int) -> int:
    if fd < 0:
        return 0
    try:
        return int(os.pread(fd, 64, 0).split(b" ", 1)[0] or b"0")
    except (OSError, ValueError):
        return 0


def _owner(workspace: str | os.PathLike[str]) -> str:
    words = Path(workspace, NAME).read_text("ascii", "replace").split()
    return f"process {words[1]} on {words[2]}" if len(words) > 2 else "an unknown process"
