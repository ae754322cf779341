"""Opening files in a folder that somebody else may write in.

A workspace may lie on a file system that many share, or have come in an archive. Where a file
should be there may be a pipe, which lets a reader wait for ever, a device, which never ends, a file
larger than memory, or a link to a file of whoever reads. What is read has to be a regular file;
what is written, or locked, is never reached through a link.
"""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Optional

LIMIT_BYTES = 256 << 20
"""More is no record: none that runyard writes as one JSON object, or reads whole, is as large."""
LIMIT_OF_METRICS_BYTES = 1 << 30
"""Of one writer: some 20 million values."""


def open_to_read(path: str, at_most: "Optional[int]" = None) -> "BinaryIO":
    """Open a regular file, through links as well; what is no regular file is never waited for.

    Raises OSError for a pipe, a socket, a device, a folder, and for a file of more than ``at_most``
    bytes (EFBIG).
    """
    return open(fd_to_read(path, at_most), "rb")


def fd_to_read(path: str, at_most: "Optional[int]" = None) -> int:
    """The descriptor of a file opened as by `open_to_read`. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse_strange(os.fstat(fd), path, at_most)
    except OSError:
        os.close(fd)
        raise
    return fd


def _refuse_strange(found: os.stat_result, path: str, at_most: "Optional[int]") -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    if at_most is not None and found.st_size > at_most:
        why = "it has {} bytes, and at most {} are read".format(found.st_size, at_most)
        raise OSError(errno.EFBIG, why, path)


def open_fd(path: str, flags: int) -> int:
    """Open a file for ``flags``, made with the mode 0644; its descriptor.

    Raises OSError where a link, a pipe or anything else that is no regular file has its name.
    """
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def create(path: str) -> "BinaryIO":
    """Make a new file to be written, in the place of whatever had its name; never through a link.

    Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o666)
    except FileExistsError:  # left by a process of the same number that was killed
        os.unlink(path)
        fd = os.open(path, flags, 0o666)
    return open(fd, "wb")
