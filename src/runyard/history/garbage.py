"""What of the snapshot store nothing refers to any more, and removing it.

`runyard.history.store_lock` says why that is safe beside submissions. Nothing is followed out of
the store: folders are opened as folders, links in their places are left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from runyard.errors import WorkspaceException
from runyard.history import store_lock
from runyard.history.references import References
from runyard.record.layout import WorkspaceDirectory
from runyard.record.workdir import read_manifest

GRACE_S = 24 * 3600.0
"""What is younger stays, by default."""
NO_LOCKS_GRACE_S = 3600.0
"""On a file system without locks what is younger stays in any case."""

_PIECE = 500
_WAIT_S = 60.0
_MANIFEST = re.compile(r"([0-9a-f]{32})\.json\Z")
_BLOB = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Found(NamedTuple):
    """A file of the store: its place as folder and name, its bytes."""

    folder: str
    name: str
    size_bytes: int
    modified: float


@dataclass
class Group:
    """One kind of thing: what goes (or went), and the sentences that say why other things stay."""

    kind: str
    count: int = 0
    size_bytes: int = 0
    names: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def add(self, name: str, size_bytes: int) -> None:
        """One more that goes."""
        self.count += 1
        self.size_bytes += size_bytes
        self.names.append(name)


class StoreGarbage:
    """Snapshots and blobs of one workspace that no run refers to.

    ``grace_s``: what has changed in so many seconds stays.
    """

    def __init__(self, workspace: WorkspaceDirectory, grace_s: float = GRACE_S) -> None:
        self._workspace = workspace
        self._grace_s = grace_s
        self._manifests = os.path.join(workspace.path, "snapshots")
        self._references = References(workspace)
        self._read: set[str] = set()
        self._named: set[bytes] = set()
        self.snapshots = Group("snapshots")
        self.blobs = Group("blobs")

    def find(self) -> tuple[Group, Group]:
        """What `remove` would remove now. Writes nothing. Raises OSError, WorkspaceException."""
        self._check()
        self._references.refresh()
        limit = time.time() - self._grace_s
        doomed = self._doomed_manifests(limit)
        for found in doomed:
            self.snapshots.add(found.name.removesuffix(".json"), found.size_bytes)
        if self._know_blobs({found.name for found in doomed}):
            for found in self._doomed_blobs(limit):
                self.blobs.add(found.name, found.size_bytes)
        return self.snapshots, self.blobs

    def remove(self) -> tuple[Group, Group]:
        """Remove snapshots, then blobs; returns what is gone.

        Raises WorkspaceException when a submission holds the lock for a minute, OSError.
        """
        self._check()
        self._references.refresh()  # the long part of it, before anybody has to wait
        while self._doomed_manifests(time.time() - self._grace_s):
            if not self._remove_manifests():
                break
        if self._know_blobs():
            self._remove_blobs()
        return self.snapshots, self.blobs

    def _check(self) -> None:
        for path in (self._workspace.runs, self._manifests, self._workspace.blobs):
            if os.path.islink(path):
                raise WorkspaceException(
                    f"{path} is a link; what lies behind links is not removed. Give the folder "
                    "itself a place in the workspace, such as by a bind mount"
                )
        if not os.path.isdir(self._workspace.runs) and os.path.isdir(self._manifests):
            raise WorkspaceException(
                f"there is no folder {self._workspace.runs}, so what refers to the snapshots is "
                "not known. If all runs are gone for good, make it: mkdir " + self._workspace.runs
            )

    @contextlib.contextmanager
    def _piece(self) -> Iterator[float]:
        """The store for ourselves; yields the time before which a file must have changed."""
        with store_lock.alone(self._workspace.path, _WAIT_S) as hold:
            self._drop_caches()
            now = hold.raise_generation()
            yield now - (self._grace_s if hold.locked else max(self._grace_s, NO_LOCKS_GRACE_S))

    def _drop_caches(self) -> None:
        """They say which contents the store has."""
        for found in _files(os.path.join(self._workspace.path, "cache")):
            if found.name.startswith("stat-"):
                _unlink(found)

    def _doomed_manifests(self, limit: float) -> list[Found]:
        if self._references.problems:
            self.snapshots.kept = [*map(_undecided, self._references.problems.items())]
            return []
        ids = self._references.ids
        return [f for f in self._listed() if f.modified < limit and f.name[:32] not in ids]

    def _listed(self) -> list[Found]:
        return [found for found in _files(self._manifests) if _MANIFEST.match(found.name)]

    def _remove_manifests(self) -> bool:
        """Remove some; whether any was removed."""
        with self._piece() as limit:
            self._references.refresh()
            removed = [f for f in self._doomed_manifests(limit)[:_PIECE] if _unlink(f, limit)]
        for found in removed:
            self.snapshots.add(found.name.removesuffix(".json"), found.size_bytes)
        return bool(removed)

    def _know_blobs(self, without: Collection[str] = ()) -> bool:
        """Read which contents snapshots have, of those not read yet; False when one is unknown."""
        names = {found.name for found in self._listed()}
        lost = self._references.ids - {name[:32] for name in names}
        if lost or self._references.problems:
            self.blobs.kept = [*map(_lost, sorted(lost))] or self.snapshots.kept
            return False
        for name in names - self._read - {*without}:
            try:
                entries = read_manifest(os.path.join(self._manifests, name))
                self._named.update(bytes.fromhex(e[3]) for e in entries if e[1] == "f")
            except FileNotFoundError:
                continue  # removed by another process
            except Exception as error:  # a damaged file of any kind: it may name every blob
                self.blobs.kept = [_unreadable(name, error)]
                return False
            self._read.add(name)
        return True

    def _doomed_blobs(self, limit: float) -> Iterator[Found]:
        top = self._workspace.blobs
        for prefix in _folders(top):
            for found in _files(os.path.join(top, prefix)):
                if _BLOB.match(found.name) and found.modified < limit and not self._has(found):
                    yield found

    def _has(self, blob: Found) -> bool:
        return bytes.fromhex(blob.name) in self._named

    def _remove_blobs(self) -> None:
        doomed = [*self._doomed_blobs(time.time() - self._grace_s)]
        while doomed:
            piece, doomed = doomed[-_PIECE:], doomed[:-_PIECE]
            with self._piece() as limit:
                if not self._know_blobs():  # snapshots that were stored meanwhile
                    return
                removed = [f for f in piece if not self._has(f) and _unlink(f, limit)]
            for found in removed:
                self.blobs.add(found.name, found.size_bytes)


def _undecided(problem: tuple[str, str]) -> str:
    path, why = problem
    return (
        f"run {os.path.basename(path)} cannot be read ({why}), so which snapshot it has is not "
        f"known. Put a copy of its files back, or remove its folder {path}"
    )


def _lost(snapshot: str) -> str:
    return (
        f"the snapshot {snapshot}, to which a run refers, is not there, so which contents it has "
        "is not known; put a copy of it back, or remove its run. See: runyard verify"
    )


def _unreadable(name: str, error: Exception) -> str:
    return (
        f"the snapshot {name} cannot be read ({type(error).__name__}: {error}), so which contents "
        "it has is not known; see: runyard verify"
    )


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(path: str) -> Iterator[Found]:
    """The regular files of a folder, none where it is missing. Raises OSError, also for a link."""
    try:
        folder = os.open(path, _FOLDER_FLAGS)
    except FileNotFoundError:
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        about = entry.stat(follow_symlinks=False)
                        yield Found(path, entry.name, about.st_size, about.st_mtime)
    finally:
        os.close(folder)


def _unlink(found: Found, limit: float | None = None) -> bool:
    """Remove a file, not through a link; with ``limit``: only if it is as old as that still."""
    try:
        folder = os.open(found.folder, _FOLDER_FLAGS)
    except FileNotFoundError:
        return False
    try:
        if limit is not None and _modified(found.name, folder) >= limit:
            return False
        os.unlink(found.name, dir_fd=folder)
        return True
    except FileNotFoundError:
        return False
    finally:
        os.close(folder)


def _modified(name: str, folder: int) -> float:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
