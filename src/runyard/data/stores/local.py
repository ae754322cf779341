"""A folder of this machine as a store.

The runner imports it: standard library only.
"""

from __future__ import annotations

import os

from runyard.data import transfers
from runyard.data.stores.store import Entry, Store
from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from runyard.data.stores.store import Begun, Done


class LocalStore(Store):
    """All files below a folder; links are followed. ``url`` is its path, which need not exist.

    What is still being written, and what is neither file nor folder, is passed over.
    """

    def __init__(self, folder: str) -> None:
        self.url = folder

    def local_path(self, path: str = "") -> str:
        """Where a path of the store lies; it need not exist."""
        return os.path.join(self.url, path) if path else self.url

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """The file at ``prefix``, or all files below it."""
        top = self.local_path(prefix)
        try:
            if not os.path.isdir(top):
                yield from filter(None, [self.entry(prefix)])
                return
            head = f"{prefix}/" if prefix else ""
            for name in transfers.files(top):
                found = _entry(head + name, os.path.join(top, name))
                if found is not None:
                    yield found
        except OSError as error:
            raise UserErrorException(
                f"{top!r} cannot be listed: {_words(error)}; let this user read it", error
            ) from error

    def entry(self, path: str) -> Entry | None:
        """The file at a path; None for a folder, and for nothing."""
        return _entry(path, self.local_path(path))

    def modified_s(self, entry: Entry) -> float | None:
        """When a file changed last, as it was listed."""
        return int(entry.etag.rpartition("-")[2]) / 1e9 if entry.etag else None

    def fetch(
        self,
        wanted: Sequence[tuple[Entry, str]],
        *,
        overwrite: bool = False,
        done: Done | None = None,
    ) -> None:
        """Copy files to local paths."""
        first: UserErrorException | None = None
        for entry, target in wanted:
            try:
                copied = self._fetch(entry, target, overwrite)
            except UserErrorException as error:
                first = first or error
            else:
                if done is not None:
                    done(entry, copied)
        if first is not None:
            raise first

    def _fetch(self, entry: Entry, target: str, overwrite: bool) -> bool:
        source = self.local_path(entry.path)
        if not overwrite and os.path.lexists(target):
            return False
        self._check(entry)
        return _copied(source, target, overwrite, lambda: self._check(entry))

    def _check(self, entry: Entry) -> None:
        """Before a copy and after it: what is written to meanwhile would be a mixture."""
        found = self.entry(entry.path)
        if found is None or (entry.etag and found != entry):
            now = "is no longer there" if found is None else "is not what it was any more"
            raise UserErrorException(
                f"{self.local_path(entry.path)!r} {now}: it was changed while it was being read; "
                "do it again"
            )

    def put(
        self,
        given: Iterable[tuple[str, str]],
        *,
        overwrite: bool = False,
        begun: Begun | None = None,
        done: Done | None = None,
    ) -> None:
        """Copy local files into the folder."""
        first: UserErrorException | None = None
        for source, path in given:
            if begun is not None:
                begun(path)
            try:
                copied = self._put(source, path, overwrite)
            except UserErrorException as error:
                first = first or error
            else:
                if done is not None:
                    done(self.entry(path) or Entry(path, 0, ""), copied)
        if first is not None:
            raise first

    def _put(self, source: str, path: str, overwrite: bool) -> bool:
        return _copied(source, self.local_path(path), overwrite)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def _entry(path: str, place: str) -> Entry | None:
    import stat

    try:
        found = os.stat(place)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Entry(path, found.st_size, f"{found.st_size}-{found.st_mtime_ns}")


def _copied(
    source: str, target: str, overwrite: bool, check: Callable[[], None] | None = None
) -> bool:
    try:
        return transfers.copy(source, target, overwrite=overwrite, check=check)
    except OSError as error:
        raise UserErrorException(
            f"{source!r} could not be copied to {target!r}: {_words(error)}; what was copied "
            "before is there, and the same call goes on with the rest",
            error,
        ) from error


def _words(error: OSError) -> str:
    return error.strerror or str(error)
