"""The snapshots of a workspace: content-addressed copies of source folders (spec 9.3).

What goes in: `runyard.history.ignore`. What becomes of symlinks: `runyard.history.symlinks`. Fifos,
sockets and devices are left out with a warning and never opened. Empty folders are kept, and so
are folders whose whole content is left out. The source is only read.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runyard.errors import SnapshotException, UserErrorException
from runyard.history import store_lock
from runyard.history.blobs import BlobStore, UnreadableFile, VanishedFile
from runyard.history.manifest import SnapshotDiff, SnapshotEntry, compare, encode, entries_of
from runyard.history.snapshot_limit import (
    DEFAULT_LIMIT_BYTES,
    check_limit,
    limit_in_force,
    summarise,
)
from runyard.history.source_folder import Folder
from runyard.history.source_tree import SourceTree
from runyard.history.stat_cache import RACY_FOLDER, StatCache, Summary
from runyard.record.workdir import materialise, read_manifest

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "Snapshot",
    "SnapshotDiff",
    "SnapshotEntry",
    "SnapshotPlan",
    "SnapshotStore",
]


_LARGE_BYTES = 8 << 20
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class _Walk:
    """A source folder as it was found, begun at ``stamp_ns``; can be stored once.

    ``generation``: that of the store (`runyard.history.store_lock`) which ``cache`` is of.
    """

    root: str
    generation: int
    cache: StatCache
    stamp_ns: int
    tree: SourceTree
    summary: Summary


@dataclass(frozen=True)
class SnapshotPlan:
    """What `SnapshotStore.take` would store: number of files, their bytes, what stays out.

    ``skipped`` holds the first 1,000 relative paths left out, folders ending in '/'; ``largest``
    up to ten (relative path, bytes), largest first. ``walk`` is for `SnapshotStore.take`.
    """

    files: int
    size_bytes: int
    skipped: tuple[str, ...]
    largest: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]
    walk: _Walk | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Snapshot:
    """A stored snapshot. ``reused_files`` of ``files`` did not have to be read again."""

    id: str
    files: int
    size_bytes: int
    warnings: tuple[str, ...]
    reused_files: int


class SnapshotStore:
    """Takes snapshots of source folders into a workspace, and gives them back.

    Uses ``blobs/``, ``snapshots/`` and ``cache/`` of ``workspace_dir``. Any number of processes may
    use one workspace at a time.
    """

    def __init__(self, workspace_dir: Path, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._workspace = Path(os.path.realpath(workspace_dir))
        self._manifests = self._workspace / "snapshots"
        self._blobs_dir = self._workspace / "blobs"
        self._blobs = BlobStore(self._blobs_dir)

    def plan(self, source: Path, *, limit_bytes: int | None = DEFAULT_LIMIT_BYTES) -> SnapshotPlan:
        """What `take` would store. Writes nothing. Raises as `take` does, save that a file that
        keeps changing is not noticed."""
        walk = self._walk(source, limit_bytes, find_closed=True)
        summary = walk.summary
        return SnapshotPlan(
            files=summary.files,
            size_bytes=summary.size_bytes,
            skipped=tuple(map(os.fsdecode, summary.skipped)),
            largest=tuple((os.fsdecode(path), size) for path, size in summary.largest),
            warnings=_texts(summary),
            walk=walk,
        )

    def take(
        self,
        source: Path,
        *,
        limit_bytes: int | None = DEFAULT_LIMIT_BYTES,
        planned: SnapshotPlan | None = None,
        hold: store_lock.Hold | None = None,
    ) -> Snapshot:
        """Store the folder and return its snapshot; an unchanged tree has an unchanged id.

        ``planned``: what `plan` found a moment ago, taken as it is; it can be used once.
        ``limit_bytes`` bounds the files' total; None: no bound. The default, 300 MB, gives way to
        ``RUNYARD_SNAPSHOT_LIMIT_MB``. Raises `UserErrorException` when the source is not a folder,
        `SnapshotException` when it is too large, or files cannot be read or keep changing.

        ``hold``: of `runyard.history.store_lock.shared`, held until run.json refers to the
        snapshot. None: it is held during the call, and the snapshot is only as safe as young ones.
        """
        with contextlib.ExitStack() as stack:
            hold = hold or stack.enter_context(store_lock.shared(self._workspace))
            walk = planned.walk if planned else None
            if walk is None or walk.generation != hold.generation:
                walk = self._walk(source, limit_bytes)
            known, summary = walk.cache.snapshot_id, walk.summary
            if not walk.tree.unchanged or not known:
                read = self._store(walk.root, walk.tree.folders)
                return self._finish(walk, read)
            if not self._refreshed(known):  # removed by hand since it was planned
                return self.take(source, limit_bytes=limit_bytes, hold=hold)
            files = summary.files
            return Snapshot(known, files, summary.size_bytes, _texts(summary), files)

    def _refreshed(self, snapshot_id: str) -> bool:
        """Make it young; False when it is not there."""
        try:
            os.utime(self._manifests / f"{snapshot_id}.json")
        except FileNotFoundError:
            return False
        except OSError:  # somebody else's: the lock keeps it
            return True
        return True

    def _walk(self, source: Path, limit_bytes: int | None, *, find_closed: bool = False) -> _Walk:
        root, limit = self._checked(source), limit_in_force(limit_bytes)
        generation = store_lock.generation(self._workspace)
        cache = self._open_cache(root)
        stamp_ns = self._clock_ns()
        tree = SourceTree(root, str(self._workspace), cache)
        summary = _summary(tree, cache)
        _refuse_unreadable(root, tree.unreadable + (_closed_files(tree) if find_closed else []))
        check_limit(root, summary, limit)
        return _Walk(root, generation, cache, stamp_ns, tree, summary)

    def manifest_path(self, snapshot_id: str) -> Path:
        """Where the manifest of that snapshot lies. Raises `SnapshotException` for no id."""
        if not re.fullmatch("[0-9a-f]{32}", snapshot_id):
            raise SnapshotException(
                f"{snapshot_id!r} is not a snapshot id: one has 32 digits of 0-9 and a-f."
            )
        return self._manifests / f"{snapshot_id}.json"

    def entries(self, snapshot_id: str) -> list[SnapshotEntry]:
        """What the snapshot holds, sorted by path. Raises `SnapshotException` when unknown."""
        path = self.manifest_path(snapshot_id)
        try:
            return [SnapshotEntry(*entry) for entry in read_manifest(str(path))]
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            raise SnapshotException(
                f"There is no snapshot {snapshot_id} in the workspace {self._workspace}: {path} "
                f"{'is gone' if gone else f'cannot be read ({error.strerror})'}. Put a copy of it "
                "back, or submit the source folder again.",
                error,
            ) from error

    def restore(self, snapshot_id: str, destination: Path) -> None:
        """Copy the whole snapshot to ``destination``, which is made, or is an empty folder.

        Raises `UserErrorException` when something is there already, `SnapshotException` when the
        snapshot is unknown or damaged.
        """
        self.entries(snapshot_id)
        if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
            raise UserErrorException(
                f"{destination} is there already and is not an empty folder; choose another."
            )
        destination.mkdir(parents=True, exist_ok=True)
        manifest = str(self.manifest_path(snapshot_id))
        materialise(manifest, str(self._blobs_dir), str(destination))

    def archive(self, snapshot_id: str, zip_path: Path) -> Path:
        """Write the snapshot as a zip, replacing one that is there; returns ``zip_path``."""
        from runyard.history.snapshot_zip import write_zip

        write_zip(self.entries(snapshot_id), self._blobs, zip_path)
        return zip_path

    def diff(self, a: str, b: str) -> SnapshotDiff:
        """What changed from snapshot ``a`` to snapshot ``b``."""
        return compare(self.entries(a), self.entries(b))

    def _checked(self, source: Path) -> str:
        """The real path of the source."""
        root = os.path.realpath(source)
        if not os.path.isdir(root):
            problem = "is a file" if os.path.exists(root) else "does not exist"
            looked_at = "" if str(source) == root else f" (looked at {root})"
            raise UserErrorException(
                f"source_directory {str(source)!r} {problem}{looked_at}. Give the folder that "
                "holds the entry script, relative to the current folder or absolute."
            )
        if root == str(self._workspace):
            raise UserErrorException(
                f"source_directory {str(source)!r} is the workspace's own folder, where runs and "
                "snapshots are kept. Put the script in a folder of its own."
            )
        return root

    def _open_cache(self, root: str) -> StatCache:
        cache = StatCache(self._workspace, root)
        if cache.snapshot_id and not self.manifest_path(cache.snapshot_id).exists():
            cache.void()
        return cache

    def _store(self, root: str, folders: list[Folder]) -> int:
        """Read and store what is not known; returns how many files that were."""
        changed = [folder for folder in folders if None in folder.blobs]
        read = sum(folder.blobs.count(None) for folder in changed)
        self._store_large(changed)
        unreadable: list[str] = []
        for folder in changed:
            unreadable += self._store_folder(folder)
        _refuse_unreadable(root, unreadable)
        return read

    def _store_large(self, folders: list[Folder]) -> None:
        """Store large files, two at a time; one that cannot be stored is left as it is.

        Neither hashing nor copying holds the interpreter: 1 GB takes 0.2 s and not 0.35. Small
        files take twice as long so, since all have their first name in one folder.
        """
        large = [
            (folder, place)
            for folder in folders
            for place, blob in enumerate(folder.blobs)
            if blob is None and folder.keys[place][2] >= _LARGE_BYTES
        ]
        if len(large) > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_AT_ONCE) as threads:
                for _ in threads.map(self._store_one, *zip(*large, strict=True)):
                    pass

    def _store_one(self, folder: Folder, place: int) -> None:
        # What is the matter is said when it is tried again.
        with contextlib.suppress(UnreadableFile, VanishedFile, OSError):
            stored = self._blobs.put(folder.place(folder.names[place]))
            folder.blobs[place], folder.keys[place] = stored

    def _store_folder(self, folder: Folder) -> list[str]:
        """Returns the files that may not be read; vanished ones are dropped from the folder."""
        unreadable: list[str] = []
        for place, name in enumerate(folder.names):
            if folder.blobs[place] is not None:
                continue
            try:
                folder.blobs[place], folder.keys[place] = self._blobs.put(folder.place(name))
            except UnreadableFile:
                unreadable.append(folder.prefix + name)
            except VanishedFile:
                folder.flags |= RACY_FOLDER
            except OSError as error:
                raise SnapshotException(
                    f"Storing {folder.place(name)} in {self._blobs_dir} failed: {error}", error
                ) from error
        folder.drop_unstored()
        return unreadable

    def _finish(self, walk: _Walk, read: int) -> Snapshot:
        folders, stamp_ns = walk.tree.folders, walk.stamp_ns
        snapshot_id, content = encode(entries_of(folders))
        self._write_manifest(snapshot_id, content)
        summary = summarise(folders)
        found = [folder.cached(stamp_ns) for folder in folders]
        if not walk.cache.tells(stamp_ns, snapshot_id, [record for record, _ in found]):
            # Losing the cache costs time only; the snapshot is stored.
            with contextlib.suppress(OSError):
                walk.cache.save(stamp_ns, snapshot_id, summary, found)
        reused = max(0, summary.files - read)
        return Snapshot(
            snapshot_id, summary.files, summary.size_bytes, _texts(summary), reused_files=reused
        )

    def _write_manifest(self, snapshot_id: str, content: bytes) -> None:
        path = self.manifest_path(snapshot_id)
        with contextlib.suppress(FileNotFoundError):
            # Another size: cut short by a power loss.
            if path.stat().st_size == len(content) and self._refreshed(snapshot_id):
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.urandom(8).hex()}.tmp")
        part.write_bytes(content)
        part.replace(path)


def _summary(tree: SourceTree, cache: StatCache) -> Summary:
    """The totals; completes the folders when they are not those of last time."""
    if tree.unchanged and cache.summary:
        return cache.summary
    tree.fill()
    return summarise(tree.folders)


def _texts(summary: Summary) -> tuple[str, ...]:
    return tuple(map(os.fsdecode, summary.warnings))


def _closed_files(tree: SourceTree) -> list[str]:
    """Files that must be read and may not be."""
    return [
        folder.prefix + name
        for folder in tree.folders
        for name, blob in zip(folder.names, folder.blobs, strict=False)
        if blob is None and not os.access(folder.place(name), os.R_OK, effective_ids=True)
    ]


def _refuse_unreadable(root: str, paths: list[str]) -> None:
    if not paths:
        return
    shown = [f"  {path}" for path in sorted(paths)[:20]]
    if len(paths) > len(shown):
        shown.append(f"  and {len(paths) - len(shown)} more")
    raise SnapshotException(
        "\n".join(
            [
                f"These paths of the source folder {root} cannot be read:",
                *shown,
                "Make them readable (chmod u+r FILE, chmod u+rx FOLDER), or leave them out by "
                "naming them in .amlignore.",
            ]
        )
    )
