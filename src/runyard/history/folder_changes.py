"""Being told by the kernel that files in folders change: inotify of Linux, called in libc.

Folders and not files, so that a file that is not there yet, or is replaced, is told of as well, and
the logs of a thousand ranks are one watch. It says nothing of what other machines write on a disk
that is shared: whoever asks looks now and then in any case.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_ONLY_FOLDERS = 0x01000000
WRITTEN = 0x2 | 0x80 | 0x100 | _ONLY_FOLDERS
"""A file was written to, made or moved there (IN_MODIFY, IN_MOVED_TO, IN_CREATE)."""
CLOSED = 0x8 | _ONLY_FOLDERS
"""A file that was written to was closed (IN_CLOSE_WRITE)."""
_QUEUE_BYTES = 1 << 16
_kept: list[tuple[int, int]] = []
"""Of this process, with its pid, for the next: the kernel takes 10 to 20 ms to close one."""
_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs"})


class FolderChanges:
    """Changes in a few folders; ``fd`` is readable when there were any, -1 where nobody tells.

    That is where libc has no inotify, or where all that a user may have of it is in use (128 by
    default): then nothing is ever told, and no error is raised.
    """

    def __init__(self) -> None:
        self.fd = -1
        self._libc: Any = None
        self._watches: dict[str, int] = {}
        self._tells_all: bool | None = None
        # Python or libc without it; ctypes is not loaded by who does not follow anything.
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            self._libc = ctypes.CDLL(None)
            self.fd = _taken() or self._libc.inotify_init1(_NONBLOCK_CLOEXEC)

    def watch(self, folder: str, what: int = WRITTEN) -> bool:
        """See to it that a folder is watched; True when it was not until now.

        ``what``: `WRITTEN` or `CLOSED`. A folder that was made anew under its name is another one.
        What was written before is not told of. False where it cannot be watched, or is not there.
        """
        if self.fd < 0:
            return False
        watch = self._libc.inotify_add_watch(self.fd, os.fsencode(folder), what)
        if watch == self._watches.get(folder):
            return False
        self._watches[folder] = watch
        self._tells_all = None
        return bool(watch >= 0)

    def tells_all(self) -> bool:
        """Whether nothing can change in the watched folders without being told."""
        if self._tells_all is None:
            watched = self.fd >= 0 and min(self._watches.values(), default=-1) >= 0
            self._tells_all = watched and all(is_local(folder) for folder in self._watches)
        return self._tells_all

    def forget(self) -> None:
        """Take what was told until now as seen."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self.fd, _QUEUE_BYTES)) > _QUEUE_BYTES // 2:
                pass

    def close(self) -> None:
        """Watch no longer."""
        if self.fd >= 0:
            for watch in self._watches.values():
                self._libc.inotify_rm_watch(self.fd, watch)
            self.forget()
            _kept.append((os.getpid(), self.fd))
            self.fd = -1


def _taken() -> int:
    """One that nobody in this process needs any more; 0: there is none."""
    while _kept:
        pid, fd = _kept.pop()
        if pid == os.getpid():  # one that was inherited is the parent's
            return fd
    return 0


def is_local(folder: str) -> bool:
    """Whether a folder lies on a file system that no other machine writes to.

    False for those that are not known well.
    """
    try:
        fd = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        try:
            mount = _field(f"/proc/self/fdinfo/{fd}", "mnt_id:")
        finally:
            os.close(fd)
        with open("/proc/self/mountinfo", "rb") as mounts:
            for line in mounts:
                left, _, right = line.partition(b" - ")
                if left.split(b" ", 1)[0] == mount:
                    return right.split(b" ", 1)[0].decode() in _LOCAL
    except (OSError, ValueError):
        pass
    return False


def _field(path: str, name: str) -> bytes:
    with open(path, "rb") as stream:
        for line in stream:
            if line.startswith(name.encode()):
                return line.split()[1]
    raise ValueError(name)
