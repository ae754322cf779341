"""What was once fetched from remote storage, kept by what it is, for all runs of this machine.

    <cache folder>/data/objects/<2 letters>/<key>   whole files, never changed
    <cache folder>/data/incoming/   what is being fetched, or was when its process was killed
    <cache folder>/data/turns/<key>.lock   locked by whoever fetches one place

A file takes its name among the objects when it is whole, so a kill at any time leaves nothing that
is taken for one; the next run that wants it goes on with what has come already.
Standard library only: used in the runner's children.
"""

from __future__ import annotations

import contextlib
import os
import time

from runyard import settings
from runyard.data import room, transfers
from runyard.data.stores.local import LocalStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runyard.data.stores.store import Entry, Store

    Wanted = tuple[Store, Entry]

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_WEEK_S = 7 * _DAY_S
_NANOSECONDS = 10**9


class ContentCache:
    """Files by storage, path, etag and size. Raises OSError and what stores raise."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder or os.path.join(settings.cache_dir(), "data")

    def path(self, store: Store, entry: Entry) -> str:
        """Where the content of an entry lies, when it is there."""
        key = _key(store.url, entry)
        return os.path.join(self.folder, "objects", key[:2], key)

    def has(self, path: str) -> bool:
        """Whether a file is there as it was fetched; marks its use once a day."""
        try:
            found = os.stat(path)
        except OSError:
            return False
        seconds, part = divmod(found.st_mtime_ns, _NANOSECONDS)
        if part != _stamp(path, seconds, found.st_size):
            return False  # somebody has written to it, or fetching it was not finished
        if found.st_atime < time.time() - _DAY_S:
            with contextlib.suppress(OSError):  # a file of another user
                os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
        return True

    def missing(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Those that would have to be fetched; always, where storage does not tell of changes."""
        return [item for item in wanted if not item[1].etag or not self.has(self.path(*item))]

    def ensure(self, wanted: Sequence[Wanted], what: str = "") -> None:
        """Fetch what is not there. Raises UserErrorException when the disk has no room for it.

        ``what``: the input they are of, for messages.
        """
        missing = self.missing(wanted)
        if not missing:
            return
        os.makedirs(self.folder, exist_ok=True)
        room.check(self.folder, sum(entry.size_bytes for _, entry in missing), what, cache=True)
        by_store: dict[int, list[Wanted]] = {}
        for item in missing:
            by_store.setdefault(id(item[0]), []).append(item)
        self._sweep(_WEEK_S)
        for items in by_store.values():
            self._fetch(items[0][0], [entry for _, entry in items])

    def _fetch(self, store: Store, entries: list[Entry]) -> None:
        targets = {entry: self.path(store, entry) for entry in entries}
        arriving = {
            entry: os.path.join(self.folder, "incoming", os.path.basename(target))
            for entry, target in targets.items()
        }

        def done(entry: Entry, _new: bool) -> None:
            try:
                _keep(arriving[entry], targets[entry])
            except FileNotFoundError:  # another process has fetched it in this moment
                if not self.has(targets[entry]):
                    raise

        store.fetch(list(arriving.items()), done=done)

    def localized(self, store: Store, entries: Sequence[Entry], what: str = "data") -> list[str]:
        """Paths of this machine that have the content of the entries; for reading only.

        Those of a folder are its own; others are fetched unless they are here. Raises as `ensure`.
        """
        if isinstance(store, LocalStore):
            return [store.local_path(entry.path) for entry in entries]
        self.ensure([(store, entry) for entry in entries], what)
        return [self.path(store, entry) for entry in entries]

    @contextlib.contextmanager
    def turn(self, place: str, waits: Callable[[], None]) -> Iterator[None]:
        """Hold the right to fetch a place, so that of many runs one does and the others find it.

        Two that fetch the same in spite of that do no harm. ``waits``: called when another has it.
        """
        import fcntl

        folder = os.path.join(self.folder, "turns")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{_digest(place)}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def usage(self) -> tuple[int, int]:
        """How many files it holds now, and their bytes."""
        sizes = [found.st_size for _, found in self._objects()]
        return len(sizes), sum(sizes)

    def prune(self, unused_s: float = 0.0, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove what no run has used for so many seconds; returns how many files and bytes.

        Runs that use a file go on with it: their views are links to it, or copies. What is half
        fetched is removed, and counted, unless a process is fetching it. ``dry_run``: count only.
        """
        limit = time.time() - unused_s
        removed = []
        for path, found in self._objects():
            if not unused_s or max(found.st_atime, found.st_ctime) <= limit:
                with contextlib.suppress(FileNotFoundError):
                    _removed(path, dry_run)
                    removed.append(found.st_size)
        removed += self._sweep(unused_s, dry_run)
        return len(removed), sum(removed)

    def _sweep(self, unused_s: float, dry_run: bool = False) -> list[int]:
        """Remove what nobody has gone on fetching for so long, or does now; returns the sizes."""
        folder = os.path.join(self.folder, "incoming")
        removed = []
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            is_part = name.endswith(transfers.PART)
            # What is whole gets its place in a moment, and nobody holds it until then.
            limit = time.time() - (unused_s if is_part else max(unused_s, _HOUR_S))
            remove = _removed_part if is_part else _removed
            with contextlib.suppress(OSError):  # gone in this moment, or of another user
                found = os.stat(path)
                if found.st_mtime <= limit and remove(path, dry_run):
                    removed.append(found.st_size)
        return removed

    def _objects(self) -> Iterator[tuple[str, os.stat_result]]:
        for folder, _, names in os.walk(os.path.join(self.folder, "objects")):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    yield path, os.stat(path)


def _removed(path: str, dry_run: bool) -> bool:
    if not dry_run:
        os.unlink(path)
    return True


def _removed_part(path: str, dry_run: bool) -> bool:
    """Remove a part; False when a process has it: each holds the lock of its own."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _removed(path, dry_run)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def _digest(*parts: str) -> str:
    import hashlib

    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=20).hexdigest()


def _key(url: str, entry: Entry) -> str:
    return _digest(url, entry.path, entry.etag, str(entry.size_bytes))


def _stamp(path: str, seconds: int, size_bytes: int) -> int:
    """The part of a second in the time of change of a whole file; a write in place changes it."""
    text = f"{os.path.basename(path)} {seconds} {size_bytes}"
    return int(_digest(text)[:12], 16) % _NANOSECONDS


def _keep(arrived: str, target: str) -> None:
    """Give a whole file its place, its stamp, and no right to write to it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    found = os.stat(arrived)
    seconds = found.st_mtime_ns // _NANOSECONDS
    stamp = seconds * _NANOSECONDS + _stamp(target, seconds, found.st_size)
    os.utime(arrived, ns=(time.time_ns(), stamp))
    os.chmod(arrived, 0o444)
    os.replace(arrived, target)
