"""Whether snapshots are what their ids say, and have all their contents."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from blake3 import blake3

from runyard.errors import SnapshotException
from runyard.history import store_lock
from runyard.history.verification.finding import Finding
from runyard.history.verification.runs import UNREADABLE, reason
from runyard.record import creation, regular
from runyard.record.layout import WorkspaceDirectory
from runyard.record.workdir import read_manifest

_MANIFEST = re.compile(r"([0-9a-f]{32})\.json\Z")
_BLOB = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK_BYTES = 1 << 20
_WAIT_S = 60.0
ASIDE = "damaged"
"""Folder of the workspace for what was damaged: nothing is thrown away."""
_AGAIN = (
    "runyard verify --repair puts it aside, and the next submission of that source stores it anew"
)


class _Wanted(NamedTuple):
    size_bytes: int
    snapshot: str
    path: str


class Store:
    """The snapshots and blobs of a workspace. ``referred``: each snapshot with a run of it."""

    def __init__(
        self,
        workspace: WorkspaceDirectory,
        referred: Mapping[str, str],
        deep: bool,
        before_each: Callable[[], None],
    ) -> None:
        self._workspace = workspace
        self._before_each = before_each
        self._referred = referred
        self._deep = deep
        self._folder = os.path.join(workspace.path, "snapshots")
        self._wanted: dict[str, _Wanted] = {}
        self.counts = {"snapshots": 0, "blobs": 0}

    def examine(self) -> Iterator[Finding]:
        """What is wrong with them."""
        names = {name for name in _names(self._folder) if _MANIFEST.match(name)}
        self.counts["snapshots"] = len(names)
        for name in sorted(names):
            yield from self._snapshot(name)
        for snapshot, run in self._referred.items():
            if f"{snapshot}.json" not in names:
                yield from self._lost(snapshot, run)
        yield from self._blobs()

    def _snapshot(self, name: str) -> Iterator[Finding]:
        self._before_each()
        path, snapshot = os.path.join(self._folder, name), name[:32]
        try:
            with regular.open_to_read(path) as stream:
                content = stream.read()
            if blake3(content).hexdigest()[:32] != snapshot:
                yield self._damaged(path, "is not what its name says")
                return
            entries = read_manifest(path)
            for place, kind, _, blob, size in entries:
                if kind == "f":
                    self._wanted.setdefault(blob, _Wanted(int(size), snapshot, place))
        except FileNotFoundError:
            return  # removed meanwhile, since nothing refers to it
        except (*UNREADABLE, SnapshotException) as error:
            yield self._damaged(path, reason(error))

    def _damaged(self, path: str, text: str) -> Finding:
        return Finding("error", path, text, _AGAIN, mend=partial(_put_aside, self._workspace, path))

    def _lost(self, snapshot: str, run: str) -> Iterator[Finding]:
        path = os.path.join(self._folder, f"{snapshot}.json")
        if os.path.exists(os.path.join(run, "run.json")) and not os.path.exists(path):
            text = f"is not there, and {run} refers to it"
            advice = "put a copy of it back; submitting the same source again stores it as well"
            yield Finding("error", path, text, advice)

    def _blobs(self) -> Iterator[Finding]:
        present: set[str] = set()
        for prefix in _names(self._workspace.blobs):
            folder = os.path.join(self._workspace.blobs, prefix)
            for name in _names(folder) if len(prefix) == 2 else ():
                path = os.path.join(folder, name)
                if _BLOB.match(name) and name.startswith(prefix):
                    present.add(name)
                    yield from self._blob(path, name)
                else:
                    yield Finding("warning", path, "is no blob", "remove it, or move it away")
        self.counts["blobs"] = len(present)
        for blob in sorted(self._wanted.keys() - present):
            yield from self._missing(blob)

    def _blob(self, path: str, name: str) -> Iterator[Finding]:
        self._before_each()
        wanted = self._wanted.get(name)
        try:
            found = os.stat(path, follow_symlinks=False)
            if wanted is not None and found.st_size != wanted.size_bytes:
                text = f"has {found.st_size} bytes instead of {wanted.size_bytes}"
                yield self._damaged(path, f"{text}; {_of(wanted)}")
            elif self._deep and not _holds(path, name):
                text = "holds something else than its name says"
                yield self._damaged(path, f"{text}; {_of(wanted)}" if wanted else text)
        except FileNotFoundError:
            return  # removed meanwhile
        except UNREADABLE as error:
            yield Finding("error", path, reason(error), "check who may read it")

    def _missing(self, blob: str) -> Iterator[Finding]:
        wanted = self._wanted[blob]
        path = os.path.join(self._workspace.blobs, blob[:2], blob)
        manifest = os.path.join(self._folder, f"{wanted.snapshot}.json")
        if os.path.exists(manifest) and not os.path.exists(path):
            advice = (
                "put a copy of it back, or: runyard verify --repair, and submit that source again"
            )
            yield Finding(
                *("error", path, f"is not there; {_of(wanted)}", advice),
                mend=partial(_put_aside, self._workspace, manifest),
            )


def _of(wanted: _Wanted) -> str:
    return f"it is {wanted.path!r} of the snapshot {wanted.snapshot}"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _holds(path: str, name: str) -> bool:
    digest = blake3()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == name


def _put_aside(workspace: WorkspaceDirectory, path: str) -> None:
    """Move a damaged file to ``damaged/``; nobody believes any more that the store has it."""
    folder = os.path.join(workspace.path, ASIDE)
    with store_lock.alone(workspace.path, _WAIT_S) as hold:
        os.makedirs(folder, exist_ok=True)
        cache = os.path.join(workspace.path, "cache")
        for name in _names(cache):
            if name.startswith("stat-"):
                os.unlink(os.path.join(cache, name))
        hold.raise_generation()
        try:
            os.rename(
                path, os.path.join(folder, f"{os.path.basename(path)}.{creation.random_hex(4)}")
            )
        except FileNotFoundError:
            return  # another finding has led to it already
