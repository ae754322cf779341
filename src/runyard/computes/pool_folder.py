"""The folder of a pool, and the lock under which everything in it changes.

``<workspace>/computes/<name>/``: ``lock``, ``nodes-<machine>.json`` (who has which node),
``queue/`` (one ticket for each run that waits). The nodes are places on the machine that submits:
each machine that shares the workspace has its own. Standard library only: a runner that ends opens
it too.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from runyard.errors import ComputeTargetException
from runyard.record import computes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runyard.record.layout import WorkspaceDirectory

DELETING = "Deleting"
"""``state`` in the record of a pool that goes when its runs are gone."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Never through a link: in a workspace of another user it may lead anywhere."""
_PATIENCE_S = 60.0
_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.02


class PoolFolder:
    """Paths of one pool."""

    def __init__(self, workspace: WorkspaceDirectory, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self.path = workspace.pool(name)

    @property
    def lock(self) -> str:
        """Held by whoever changes something in the folder."""
        return os.path.join(self.path, "lock")

    @property
    def nodes_json(self) -> str:
        """Who has the nodes on this machine."""
        return os.path.join(self.path, f"nodes-{os.uname().nodename}.json")

    @property
    def queue(self) -> str:
        """One file for each run that waits."""
        return os.path.join(self.path, "queue")

    def record(self) -> dict[str, Any]:
        """The pool as it is now. Raises ComputeTargetException when it was deleted."""
        record = computes.read(self.workspace, self.name)
        if record is None:
            raise ComputeTargetException(
                f"compute target {self.name!r} was deleted; create it again, or give another one"
            )
        return record

    def make(self) -> None:
        """Make the folder of a pool."""
        os.makedirs(self.queue, exist_ok=True)

    @contextmanager
    def locked(self, patience_s: float = _PATIENCE_S) -> Iterator[None]:
        """Hold the pool's lock. Raises ComputeTargetException when somebody keeps it so long.

        And when the pool was deleted meanwhile. The kernel releases the lock of a process that
        dies, so one that keeps it was stopped.
        """
        fd = self._take(patience_s)
        try:
            yield
        finally:
            # A process forked meanwhile has the file open as well: closing it would not do.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def _take(self, patience_s: float) -> int:
        deadline = time.monotonic() + patience_s
        while True:
            fd = self._open()
            try:
                self._flock(fd, deadline)
                if self._is_the_one(fd):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # the pool was deleted, and perhaps made again

    def _open(self) -> int:
        try:
            return os.open(self.lock, _FLAGS, 0o666)
        except FileNotFoundError:
            self.record()
            self.make()
            return os.open(self.lock, _FLAGS, 0o666)

    def _flock(self, fd: int, deadline: float) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise ComputeTargetException(
                        f"compute target {self.name!r} is busy: another process keeps its lock. "
                        f"See which one: fuser -v {self.lock}",
                        error,
                    ) from error
            else:
                return
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)

    def _is_the_one(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.lock))
        except FileNotFoundError:
            return False
