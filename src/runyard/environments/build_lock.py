"""One builder per environment, across processes and machines, safe under ``kill -9``."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from runyard.environments.build_owner import OwnerFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
# Of the time waited so far: what a waiter may lose to its own pauses.
_SHARE = 0.05
_REPORT_EVERY_S = 5.0
NO_FLOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What ``flock`` fails with on file systems that have no such locks."""


class BuildLock:
    """Holds the lock file ``path`` while in a ``with`` block.

    The kernel frees the lock when the process is gone, so a killed builder blocks nobody. The
    file stays; taking it away would let two builders hold two different files of the same name.
    ``owner_path(path)`` says who holds it, and decides between machines that do not see each
    other's locks. ``is_built``: whether there is nothing left to do; nobody waits, or signs, then.
    """

    def __init__(
        self,
        path: str,
        say: Callable[[str], object],
        is_built: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path = path
        self._say = say
        self._is_built = is_built
        self._descriptor = -1
        self._has_flock = True
        self._locked = False
        self._owner = OwnerFile(owner_path(path))
        self._alive: AbstractContextManager[None] = self._owner.sign_of_life()

    def __enter__(self) -> BuildLock:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait()
            self._alive.__enter__()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._alive.__exit__(None, None, None)
        self._owner.remove()
        os.close(self._descriptor)

    def is_held(self) -> bool:
        """Whether it is still ours; a machine that was asleep may have lost it to another."""
        return self._owner.is_mine()

    def _wait(self) -> None:
        """Take the lock; say at once and then every few seconds who has it."""
        next_report = started = time.monotonic()
        while not self._taken():
            now = time.monotonic()
            if now >= next_report:
                who = self._owner.described()
                self._say(f"Waiting for another build of this environment: {who}")
                next_report = now + _REPORT_EVERY_S
            time.sleep(min(max(_FIRST_PAUSE_S, _SHARE * (now - started)), _LONGEST_PAUSE_S))
        if next_report > started:
            self._say(f"Waited {time.monotonic() - started:.1f} s for that build")

    def _taken(self) -> bool:
        self._locked = self._locked or self._flocked()
        if not self._locked:
            return False
        # Of many that waited for one build, none has to touch the disk.
        if self._is_built() or self._owner.made():
            return True
        who = self._owner.described()
        if not self._owner.owner_is_gone(alone_here=self._has_flock):
            return False
        self._say(f"The build of {who} was broken off: taking it over")
        return self._owner.take_over()

    def _flocked(self) -> bool:
        """True as well where the file system has no such locks."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            self._has_flock = False
        return True


def owner_path(path: str) -> str:
    """The file that says who holds the lock file ``path``."""
    return f"{path}.owner"
