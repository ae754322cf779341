"""The content-addressed store: one read-only file per content, named by its blake3 hash.

A blob appears by rename from a finished temporary file, so it is whole or absent whatever kills
its writer, and any number of writers of one blob do no harm. Blobs are not flushed to disk one by
one (10,000 flushes take minutes on a slow disk): one that a power loss cut short has the wrong
size, is noticed by that and written again.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from blake3 import blake3

from runyard.errors import SnapshotException

FileKey = tuple[int, int, int, int, int]
"""Mode, inode, size, mtime_ns, ctime_ns: what tells one state of a file from another. Not the
device: it changes when a network or btrfs volume is mounted again."""

file_key = attrgetter("st_mode", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")

READ_TRIES = 3
_WHOLE_BYTES = 1 << 20
_STALE_S = 24 * 3600.0
# Never waits for a writer when a fifo has taken the file's place, never follows a new symlink.
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Stored(NamedTuple):
    """``blob`` is the content's hash (64 hex); ``key`` the state the file had when it was read."""

    blob: str
    key: FileKey


class UnreadableFile(Exception):
    """The file may not be opened."""


class VanishedFile(Exception):
    """The file is gone, or something that is no regular file has taken its place."""


class BlobStore:
    """Blobs below ``folder``, which is made on first need."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._temporary = os.path.join(self._folder, "tmp")
        self._ready = False

    def path(self, blob: str) -> str:
        """Where that blob lies, or would."""
        return os.path.join(self._folder, blob[:2], blob)

    def put(self, path: str) -> Stored:
        """Store the content of a regular file.

        The file is read again when it changes meanwhile. Raises `SnapshotException` when it
        changed in each of `READ_TRIES` tries, `UnreadableFile`, `VanishedFile`, and OSError when
        the store cannot be written.
        """
        for _ in range(READ_TRIES):
            with _open(path) as file:
                stored = self._put_open(file)
            if stored is not None:
                return stored
        raise SnapshotException(
            f"{path} changed while it was read, {READ_TRIES} times in a row, so no state of it "
            "could be stored. Wait until it is written, or leave it out: name it in .amlignore."
        )

    def _put_open(self, file: BinaryIO) -> Stored | None:
        """None: the file changed while it was read."""
        before: FileKey = file_key(os.fstat(file.fileno()))
        if before[2] > _WHOLE_BYTES:
            return self._put_large(file, before)
        data = file.read(before[2] + 1)
        if file_key(os.fstat(file.fileno())) != before or len(data) != before[2]:
            return None
        blob = blake3(data).hexdigest()
        if not self._has(blob, len(data)):
            with self._temporary_file() as (target, name):
                _write_all(target, data)
                self._publish(target, name, blob)
        return Stored(blob, before)

    def _put_large(self, file: BinaryIO, before: FileKey) -> Stored | None:
        """One pass hashes and copies: the copy cannot differ from what was hashed."""
        digest = blake3()
        with self._temporary_file() as (target, name):
            while chunk := file.read(_WHOLE_BYTES):
                digest.update(chunk)
                _write_all(target, chunk)
            size = target.tell()
            if file_key(os.fstat(file.fileno())) != before or size != before[2]:
                return None
            blob = digest.hexdigest()
            if not self._has(blob, size):
                self._publish(target, name, blob)
        return Stored(blob, before)

    def _has(self, blob: str, size: int) -> bool:
        try:
            return os.stat(self.path(blob)).st_size == size
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def _temporary_file(self) -> Iterator[tuple[BinaryIO, str]]:
        """A new file in the store, gone afterwards unless it was published."""
        self._prepare()
        name = os.path.join(self._temporary, f"{os.getpid()}-{os.urandom(8).hex()}")
        try:
            with open(name, "xb", buffering=0) as file:
                yield file, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def _publish(self, file: BinaryIO, name: str, blob: str) -> None:
        os.fchmod(file.fileno(), 0o444)
        final = self.path(blob)
        try:
            os.rename(name, final)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.rename(name, final)

    def _prepare(self) -> None:
        """Make the folder for temporary files, and clear it of what killed writers left."""
        if self._ready:
            return
        os.makedirs(self._temporary, exist_ok=True)
        with os.scandir(self._temporary) as left:
            for entry in left:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime < time.time() - _STALE_S:
                        os.unlink(entry.path)
        self._ready = True


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Unbuffered writes may stop early, on a nearly full disk or at a signal."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _open(path: str) -> BinaryIO:
    try:
        fd = os.open(path, _READ_FLAGS)
    except PermissionError as error:
        raise UnreadableFile(path) from error
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            raise VanishedFile(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise VanishedFile(path)
    return os.fdopen(fd, "rb", buffering=0)
