"""What the last snapshot of a source folder saw, so that an unchanged file is not read again.

One file per source folder, ``<workspace>/cache/stat-<hash>``: disposable, replaced by rename,
ignored when it cannot be understood. The walk of an unchanged tree of 10,000 files may take twice
the time of ``git status``, of which 10,000 calls of lstat are most (19.6 ms of 2 x 17 ms measured);
so names and states are kept as packed bytes, compared as a whole per folder, and decoded only
where they differ.

It says which contents the store holds. Who deletes blobs or snapshots must delete ``cache`` too.
"""

import os
import socket
from functools import cached_property
from pathlib import Path

import msgspec
from blake3 import blake3

from runyard.history.blobs import FileKey

FORMAT = 1
RACY_NS = 2_000_000_000
"""A file or folder that changed this shortly before it was looked at can change again without its
times showing it (file systems with whole seconds; git's "racy" entries): it is read again."""

RACY_FOLDER = 1
"""Flag: the folder itself was racy and must be listed again."""
RACY_FILES = 2
"""Flag: some file of the folder must be read again."""
HAS_IGNORE_FILE = 4
"""Flag: there is a .gitignore in the folder."""
VENV = 8
"""Flag: the folder is a virtual environment and left out."""


LINKS = 16
"""Flag: the folder holds symlinks, whose meaning depends on other places: always listed again."""


class FolderRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What must be compared for every folder. Names are joined by NUL, ``keys`` is msgpack,
    ``links`` holds name and text of each kept symlink in turn."""

    prefix: bytes
    key: FileKey
    rules: bytes
    names: bytes
    keys: bytes
    children: bytes
    links: bytes
    flags: int


class FolderDetail(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is needed only of a tree that has changed. ``blobs`` is 32 bytes per file."""

    blobs: bytes
    skipped: bytes
    warnings: bytes


class Summary(msgspec.Struct, array_like=True, frozen=True):
    """The totals of a tree. Paths are bytes, as names need not be UTF-8; sizes are bytes too."""

    files: int
    size_bytes: int
    largest: list[tuple[bytes, int]]
    folders: list[tuple[bytes, int]]
    skipped: list[bytes]
    warnings: list[bytes]


class CacheFile(msgspec.Struct, array_like=True, frozen=True):
    """The file itself. Another format, boot or source folder makes it void."""

    format: int
    boot: str
    source: bytes
    stamp_ns: int
    snapshot_id: str
    summary: Summary
    folders: list[FolderRecord]
    details: msgspec.Raw


def join(names: list[str]) -> bytes:
    """Names as one piece of bytes; no name holds a NUL."""
    return os.fsencode("\0".join(names))


def split(joined: bytes) -> list[str]:
    """The reverse of `join`."""
    return os.fsdecode(joined).split("\0") if joined else []


class StatCache:
    """The cache of one source folder, as it was when it was opened."""

    def __init__(self, workspace: Path, source: str) -> None:
        self._source = os.fsencode(source)
        # Two machines of one shared workspace do not see the same inodes and boots.
        place = blake3(self._source + b"\0" + socket.gethostname().encode()).hexdigest()[:32]
        self._path = workspace / "cache" / f"stat-{place}"
        self._file = self._load()

    @property
    def snapshot_id(self) -> str | None:
        """The snapshot taken last, or None."""
        return self._file.snapshot_id if self._file else None

    @property
    def summary(self) -> Summary | None:
        """The totals of that snapshot."""
        return self._file.summary if self._file else None

    def void(self) -> None:
        """Forget everything: the store no longer holds what was recorded."""
        self._file = None
        self.__dict__.pop("_folders", None)

    def record(self, prefix: str) -> FolderRecord | None:
        """What is known of the folder with that prefix."""
        found = self._folders.get(os.fsencode(prefix))
        return found[1] if found else None

    def keys(self, prefix: str) -> list[FileKey]:
        """The states of the files of a known folder, in the order of its names."""
        return _KEYS.decode(self._folders[os.fsencode(prefix)][1].keys)

    def detail(self, prefix: str) -> FolderDetail:
        """The rest of what is known of a known folder."""
        return self._details[self._folders[os.fsencode(prefix)][0]]

    def blobs(self, prefix: str) -> list[str]:
        """The hashes of the files of a known folder, in the order of its names."""
        joined = self.detail(prefix).blobs.hex()
        return [joined[i : i + 64] for i in range(0, len(joined), 64)]

    def racy(self, key: FileKey) -> bool:
        """Whether a file in that state may have changed unseen since the cache was written."""
        return self._file is None or is_racy(key, self._file.stamp_ns)

    def tells(self, stamp_ns: int, snapshot_id: str, folders: list[FolderRecord]) -> bool:
        """Whether saving adds nothing: a tree that has just changed stays racy for a while."""
        known = self._file
        if known is None or known.snapshot_id != snapshot_id:
            return False
        # Behind that, files that were racy then are racy no more, be their folder still so.
        return 0 <= stamp_ns - known.stamp_ns < RACY_NS and known.folders == folders

    def save(
        self,
        stamp_ns: int,
        snapshot_id: str,
        summary: Summary,
        folders: list[tuple[FolderRecord, FolderDetail]],
    ) -> None:
        """Replace the file. ``stamp_ns`` is the time just before the walk began."""
        details = msgspec.Raw(_encode([detail for _, detail in folders]))
        records = [record for record, _ in folders]
        content = CacheFile(
            FORMAT, _boot_id(), self._source, stamp_ns, snapshot_id, summary, records, details
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{self._path.name}.{os.urandom(8).hex()}.tmp")
        packed = _encode(content)
        temporary.write_bytes(blake3(packed).digest() + packed)
        temporary.replace(self._path)

    def _load(self) -> CacheFile | None:
        try:
            content = memoryview(self._path.read_bytes())
            if blake3(content[32:]).digest() != content[:32]:
                return None
            found = msgspec.msgpack.decode(content[32:], type=CacheFile)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        same = (found.format, found.boot, found.source) == (FORMAT, _boot_id(), self._source)
        return found if same else None

    @cached_property
    def _folders(self) -> dict[bytes, tuple[int, FolderRecord]]:
        records = self._file.folders if self._file else []
        return {record.prefix: (place, record) for place, record in enumerate(records)}

    @cached_property
    def _details(self) -> list[FolderDetail]:
        assert self._file is not None
        return msgspec.msgpack.decode(self._file.details, type=list[FolderDetail])


def is_racy(key: FileKey, stamp_ns: int) -> bool:
    """Whether that state is younger than ``stamp_ns`` less `RACY_NS`."""
    return max(key[3], key[4]) >= stamp_ns - RACY_NS


_encode = msgspec.msgpack.Encoder().encode
_KEYS = msgspec.msgpack.Decoder(list[FileKey])


def pack_keys(keys: list[FileKey]) -> bytes:
    """States as bytes that are equal only when the states are."""
    return _encode(keys)


def _boot_id() -> str:
    """A power loss may have cut blobs short, so nothing is believed across boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
