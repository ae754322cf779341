"""The manifest of a snapshot: what lies where, under which name it can be asked for.

``<workspace>/snapshots/<id>.json`` is plain JSON, because the runner reads it with the standard
library (`runyard.record.workdir`): ``{"format": 1, "entries": [[path, kind, mode, blob, size],
...]}``, sorted by path. Names that are not UTF-8 are kept with surrogate escapes, which JSON's
ASCII form carries through.
"""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from runyard.history.source_folder import Folder, living
from runyard.record.workdir import MANIFEST_FORMAT

FILE, LINK, EMPTY_FOLDER = "f", "l", "d"


class SnapshotEntry(NamedTuple):
    """One file ('f'), symlink ('l') or empty folder ('d') of a snapshot.

    ``path`` is relative with '/'; ``mode`` the permission bits; ``blob`` the blake3 hash of the
    content, for a symlink its target, for a folder ''; ``size_bytes`` is 0 but for files.
    """

    path: str
    kind: str
    mode: int
    blob: str
    size_bytes: int


@dataclass(frozen=True)
class SnapshotDiff:
    """Relative paths by what became of them, each sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def entries_of(folders: list[Folder]) -> list[SnapshotEntry]:
    """The sorted entries of a walked tree whose files are all stored."""
    prefixes = {folder.prefix for folder in living(folders)}
    found: list[SnapshotEntry] = []
    for folder in living(folders):
        found.extend(_files(folder))
        found.extend(
            SnapshotEntry(folder.prefix + n, LINK, 0o777, k.text, 0) for n, k in folder.links
        )
        if folder.prefix and _is_empty(folder, prefixes):
            mode = stat.S_IMODE(folder.key[0]) & 0o777
            found.append(SnapshotEntry(folder.prefix[:-1], EMPTY_FOLDER, mode, "", 0))
    found.sort()
    return found


def _files(folder: Folder) -> Iterator[SnapshotEntry]:
    prefix = folder.prefix
    for name, key, blob in zip(folder.names, folder.keys, folder.blobs, strict=True):
        assert blob is not None, "a file was not stored"
        yield SnapshotEntry(prefix + name, FILE, key[0] & 0o777, blob, key[2])


def _is_empty(folder: Folder, prefixes: set[str]) -> bool:
    """Nothing of it is in the snapshot; it may hold files that were left out."""
    if folder.names or folder.links:
        return False
    return not any(visit.prefix in prefixes for visit in folder.children)


def encode(entries: list[SnapshotEntry]) -> tuple[str, bytes]:
    """The snapshot's id (32 hex: the hash of its manifest) and the manifest's bytes."""
    manifest = {"format": MANIFEST_FORMAT, "entries": entries}
    content = json.dumps(manifest, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return blake3(content).hexdigest()[:32], content


def compare(before: list[SnapshotEntry], after: list[SnapshotEntry]) -> SnapshotDiff:
    """What came, went and is another file, mode or link target."""
    old = {entry.path: entry for entry in before}
    new = {entry.path: entry for entry in after}
    return SnapshotDiff(
        added=tuple(path for path in new if path not in old),
        removed=tuple(path for path in old if path not in new),
        changed=tuple(path for path in new if path in old and new[path] != old[path]),
    )
