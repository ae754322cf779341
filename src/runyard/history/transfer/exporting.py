"""Writing runs into an archive, file after file: memory does not grow with what they have."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from blake3 import blake3

from runyard import _version
from runyard.errors import SnapshotException, UserErrorException
from runyard.history.references import snapshots_of
from runyard.history.transfer import members
from runyard.record import jsonl, owner, regular
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.workdir import read_manifest

if TYPE_CHECKING:
    from runyard.history.entry import Entry
    from runyard.history.index import Index

Warn = Callable[[str], None]


class Exporting:
    """Runs of one workspace on their way out. ``warn`` is told what is left out."""

    def __init__(
        self, workspace: WorkspaceDirectory, index: Index, children: bool, warn: Warn
    ) -> None:
        self._workspace = workspace
        self._index = index
        self._children = children
        self._warn = warn

    def to(
        self, runs: Iterable[RunDirectory], target: str | os.PathLike[str] | BinaryIO
    ) -> list[str]:
        """Write them, with their children; returns the ids.

        To a new file, ``.tar`` or compressed ``.tar.gz``, or to a stream. Raises
        UserErrorException when the file is there, has another name or no folder, or a run has not
        ended; OSError. No half of a file is left then.
        """
        given = [*runs]
        chosen = _in_order([*given, *self._below(given)])
        _check(chosen)
        if isinstance(target, (str, os.PathLike)):
            self._to_file(chosen, Path(target))
        else:
            self._write(chosen, target)
        return [run.id for run in chosen]

    def _below(self, runs: Iterable[RunDirectory]) -> Iterator[RunDirectory]:
        """The children of runs, and theirs."""
        if not self._children:
            return
        by_parent: dict[tuple[str, str], list[Entry]] = {}
        for entry in self._index.select():
            if entry.parent is not None:
                by_parent.setdefault((entry.experiment, entry.parent), []).append(entry)
        left = [(run.experiment, run.id) for run in runs]
        while left:
            for entry in by_parent.pop(left.pop(), ()):
                yield self._workspace.run(entry.experiment, entry.id)
                left.append((entry.experiment, entry.id))

    def _to_file(self, runs: list[RunDirectory], path: Path) -> None:
        if os.path.lexists(path):
            raise UserErrorException(f"{path} is there already; give another name, or remove it")
        if not path.name.endswith((".tar", ".tar.gz")):
            raise UserErrorException(
                f"an archive is a .tar, or compressed a .tar.gz: name it so, not {path.name!r}"
            )
        if not path.parent.is_dir():
            raise UserErrorException(f"there is no folder {str(path.parent)!r}; make it first")
        part = path.with_name(f"{path.name}.{os.getpid()}.part~")
        try:
            with regular.create(str(part)) as stream:
                self._write(runs, stream, compress=path.name.endswith(".gz"))
                stream.flush()
                os.fsync(stream.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    def _write(self, runs: list[RunDirectory], stream: BinaryIO, *, compress: bool = False) -> None:
        with contextlib.ExitStack() as stack:
            if compress:
                # Neither the time nor the name: the same runs, the same bytes.
                packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
                stream = cast("BinaryIO", stack.enter_context(packed))
            with _Archive(stream) as archive:
                _write(archive, self._workspace, runs, self._warn)


def _write(
    archive: _Archive, workspace: WorkspaceDirectory, runs: list[RunDirectory], warn: Warn
) -> None:
    snapshots = _snapshots(workspace, runs, warn)
    blobs = _blobs(workspace, snapshots)
    header = {
        "format": members.FORMAT,
        "runyard": _version.__version__,
        "runs": [{"experiment": run.experiment, "id": run.id} for run in runs],
        "snapshots": snapshots,
    }
    archive.add_record(members.HEADER, header)
    for blob in blobs:
        name = f"blobs/{blob[:2]}/{blob}"
        path = os.path.join(workspace.path, name)
        if archive.add_file(name, path, own=False) != blob:
            raise SnapshotException(f"{path} is damaged; see: runyard verify --deep")
    for snapshot in snapshots:
        archive.add_file(f"snapshots/{snapshot}.json", workspace.manifest(snapshot), own=False)
    for run in runs:
        _add_run(archive, run, warn)
    archive.add_record(members.TRAILER, {"members": archive.count})


def _in_order(runs: Iterable[RunDirectory]) -> list[RunDirectory]:
    """Parents have been created before their children; of one moment, by name."""
    known = {run.path: run for run in runs}

    def created(run: RunDirectory) -> tuple[float, str, str]:
        return float(_record(run).get("created") or 0), run.experiment, run.id

    return sorted(known.values(), key=created)


def _record(run: RunDirectory) -> dict[str, Any]:
    try:
        return jsonl.read_json(run.run_json)
    except (OSError, ValueError) as error:
        raise UserErrorException(
            f"run {run.id} cannot be read: {error}; see: runyard verify", error
        ) from error


def _check(runs: list[RunDirectory]) -> None:
    if not runs:
        raise UserErrorException("there are no runs to export; name some, see: runyard runs")
    ids = sorted(run.id for run in runs)
    twice = next((a for a, b in itertools.pairwise(ids) if a == b), None)
    if twice is not None:
        raise UserErrorException(
            f"two experiments have a run {twice}; export one of them, and the other to another file"
        )
    for run in runs:
        if not read_state(run).status.ended or owner.is_held(run.lock):
            raise UserErrorException(
                f"run {run.id} has not ended; wait for it (runyard logs -f {run.id}), or end it: "
                f"runyard cancel {run.id}"
            )


def _snapshots(workspace: WorkspaceDirectory, runs: list[RunDirectory], warn: Warn) -> list[str]:
    found = set()
    for run in runs:
        for snapshot in snapshots_of(run):
            if os.path.isfile(workspace.manifest(snapshot)):
                found.add(snapshot)
            else:
                warn(f"the snapshot of run {run.id} is not there and is left out: {snapshot}")
    return sorted(found)


def _blobs(workspace: WorkspaceDirectory, snapshots: list[str]) -> list[str]:
    """The contents of the snapshots. Raises SnapshotException for one that is damaged."""
    found: set[str] = set()
    for snapshot in snapshots:
        for name, kind, _, blob, size in read_manifest(workspace.manifest(snapshot)):
            if kind != "f" or blob in found:
                continue
            path = os.path.join(workspace.blobs, blob[:2], blob)
            try:
                whole = os.stat(path).st_size == size
            except FileNotFoundError:
                whole = False
            if not whole:
                raise SnapshotException(
                    f"{name!r} of the snapshot {snapshot} is missing or damaged ({path}); see: "
                    "runyard verify"
                )
            found.add(blob)
    return sorted(found)


def _add_run(archive: _Archive, run: RunDirectory, warn: Warn) -> None:
    top = f"runs/{run.experiment}/{run.id}"
    archive.add_folder(top, run.path)
    for relative, entry in _walk(run.path, ""):
        _add(archive, f"{top}/{relative}", relative, entry, warn)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder, sorted, a folder before what is in it; no link is followed."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if not prefix and (entry.name in members.NOT_TAKEN or entry.name.endswith(".tmp")):
            continue
        yield prefix + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _add(archive: _Archive, name: str, relative: str, entry: os.DirEntry[str], warn: Warn) -> None:
    if entry.is_symlink():
        target = os.readlink(entry.path)
        if members.leads_outside(relative, target):
            warn(f"{entry.path} leads out of the run, to {target!r}, and is left out")
        else:
            archive.add_link(name, target)
    elif entry.is_dir(follow_symlinks=False):
        archive.add_folder(name, entry.path)
    elif entry.is_file(follow_symlinks=False):
        archive.add_file(name, entry.path)
    else:
        warn(f"{entry.path} is no file (a pipe, a socket or a device) and is left out")


class _Archive:
    """A tar archive that is written from its beginning to its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._tar = tarfile.open(  # noqa: SIM115 (closed by `__exit__`)
            fileobj=stream,
            mode="w|",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        )
        self.count = 0

    def add_record(self, name: str, record: dict[str, object]) -> None:
        content = json.dumps(record, indent=1).encode("ascii")
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self._add(info, io.BytesIO(content))

    def add_file(self, name: str, path: str, *, own: bool = True) -> str:
        """``own``: with its time and rights. Returns the hash of what was written.

        Raises OSError, also when it shrinks meanwhile.
        """
        fd = regular.open_fd(path, os.O_RDONLY)
        with os.fdopen(fd, "rb") as stream:
            found = os.fstat(fd)
            info = tarfile.TarInfo(name)
            if own:
                info.mode, info.mtime = _mode(found), int(found.st_mtime)
            info.size = found.st_size
            hashing = _Hashing(stream)
            self._add(info, hashing)
        return hashing.digest.hexdigest()

    def add_folder(self, name: str, path: str) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, _mode(os.lstat(path))
        self._add(info)

    def add_link(self, name: str, target: str) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
        self._add(info)

    def _add(self, info: tarfile.TarInfo, content: Any = None) -> None:
        self._tar.addfile(info, content)
        self._tar.members = []  # type: ignore[attr-defined]  # it would remember each
        self.count += 1

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._tar.close()
            return
        with contextlib.suppress(OSError, ValueError):  # else it does so when it is forgotten
            self._tar.close()


class _Hashing(io.RawIOBase):
    """A file that knows the hash of what was read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = blake3()

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self.digest.update(content)
        return content


def _mode(found: os.stat_result) -> int:
    return stat.S_IMODE(found.st_mode) & 0o755
