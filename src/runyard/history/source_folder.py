"""One folder of a source tree: where to look, and what its snapshot takes from it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from runyard.history.blobs import FileKey
from runyard.history.ignore import Rules
from runyard.history.stat_cache import (
    RACY_FILES,
    RACY_FOLDER,
    VENV,
    FolderDetail,
    FolderRecord,
    StatCache,
    is_racy,
    join,
    pack_keys,
    split,
)
from runyard.history.symlinks import Link, Root


@dataclass(frozen=True, slots=True)
class Visit:
    """A folder to look into. ``path`` is real; ``path`` and ``prefix`` end in '/' (or are '').

    ``rules`` are those of the folder above; ``trail`` the folders of the links followed so far.
    """

    prefix: str
    path: str
    rules: Rules
    root: Root
    trail: tuple[str, ...] = ()


@dataclass(slots=True)
class Folder:
    """What the snapshot takes from one folder. ``keys`` and ``blobs`` go with ``names``.

    ``blobs`` holds None where the content must be read; ``places`` the real paths of files that
    links outside lead to; ``children`` the folders to visit. ``unchanged``: all is as the cache
    has it, and lists other than ``names`` and ``children`` are not filled yet (`fill`).
    """

    visit: Visit
    key: FileKey
    rules: bytes
    flags: int = 0
    names: list[str] = field(default_factory=list)
    keys: list[FileKey] = field(default_factory=list)
    blobs: list[str | None] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    links: list[tuple[str, Link]] = field(default_factory=list)
    children: list[Visit] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unchanged: bool = False

    @property
    def prefix(self) -> str:
        """Where the folder lies in the snapshot: '' or 'a/b/'."""
        return self.visit.prefix

    def place(self, name: str) -> str:
        """The real path of one of its files."""
        return self.places.get(name, self.visit.path + name)

    def record(self, flags: int) -> FolderRecord:
        """The folder as the stat cache keeps it."""
        return FolderRecord(
            prefix=os.fsencode(self.prefix),
            key=self.key,
            rules=self.rules,
            names=join(self.names),
            keys=pack_keys(self.keys),
            children=join([visit.prefix[len(self.prefix) : -1] for visit in self.children]),
            links=join([text for name, link in self.links for text in (name, link.text)]),
            flags=flags,
        )

    def cached(self, stamp_ns: int) -> tuple[FolderRecord, FolderDetail]:
        """What the next walk may know of it, when this one began at ``stamp_ns``."""
        flags = self.flags
        if is_racy(self.key, stamp_ns):
            flags |= RACY_FOLDER
        if any(is_racy(key, stamp_ns) for key in self.keys):
            flags |= RACY_FILES
        blobs = bytes.fromhex("".join(blob for blob in self.blobs if blob))
        return self.record(flags), FolderDetail(blobs, join(self.skipped), join(self.warnings))

    def drop_unstored(self) -> None:
        """Leave out files that vanished before they could be read."""
        if None in self.blobs:
            rows = zip(self.names, self.keys, self.blobs, strict=True)
            stored = [row for row in rows if row[2] is not None]
            self.names = [name for name, _, _ in stored]
            self.keys = [key for _, key, _ in stored]
            self.blobs = [blob for _, _, blob in stored]

    def fill(self, cache: StatCache) -> None:
        """Take from the cache what an unchanged folder left there."""
        if not self.unchanged:
            return
        self.keys = cache.keys(self.prefix)
        self.blobs = list(cache.blobs(self.prefix))
        self.skipped, self.warnings = detail_lists(cache, self.prefix)


def detail_lists(cache: StatCache, prefix: str) -> tuple[list[str], list[str]]:
    """Skipped paths and warnings of a known folder."""
    detail = cache.detail(prefix)
    return split(detail.skipped), split(detail.warnings)


def living(folders: list[Folder]) -> Iterator[Folder]:
    """The folders that are part of the snapshot."""
    return (folder for folder in folders if not folder.flags & VENV)
