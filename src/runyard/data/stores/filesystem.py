"""Any storage that fsspec reaches as a store: sftp, hdfs, ftp, memory, …"""

from __future__ import annotations

import contextlib
import datetime
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runyard.data.stores import failures
from runyard.data.stores.parallel import StoreLostError, carry_out
from runyard.data.stores.parts import part_of
from runyard.data.stores.store import DatedEntry, Entry, Store
from runyard.data.transfers import PART
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.stores.store import Begun, Done

_WORKERS = 8
_FINAL = (
    *(UserErrorException, FileNotFoundError, PermissionError, IsADirectoryError),
    *(NotADirectoryError, NotImplementedError, ValueError, TypeError),
)
_CHUNK_BYTES = 1 << 20
_ETAGS = ("ETag", "etag", "e_tag", "md5", "content_md5", "checksum", "sha")
_DATES = (
    *("mtime", "modified", "modify", "last_modified", "LastModified", "last_write_time"),
    *("updated", "created"),
)
"""Of the last change; the last of them is not that, and only tells files from another."""


class FilesystemStore(Store):
    """The files below a URL of fsspec. They are written under another name and moved when whole."""

    def __init__(self, url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        self._secrets = secrets
        self._system, self._root = self._opened(url, {**options, **secrets})

    def _opened(self, url: str, given: Mapping[str, Any]) -> tuple[Any, str]:
        try:
            import fsspec
            from fsspec.core import url_to_fs

            scheme = url.partition("://")[0]
            if scheme not in {*fsspec.available_protocols(), *fsspec.registry}:
                raise UserErrorException(
                    f"{self.url!r}: {scheme}:// is not known; give the path of a folder, or a URL "
                    "that begins with s3://, gs://, abfs://, https://, or another scheme of fsspec"
                )
            system, root = url_to_fs(url, **given)
            return system, str(root).rstrip("/")
        except UserErrorException:
            raise
        except Exception as error:
            raise self._explained(error, "opening", "") from None

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}" if path else (self._root or "/")

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """The file at ``prefix``, or all files below it."""
        try:
            self._system.invalidate_cache()
            found = self._system.find(self._place(prefix), detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._explained(error, "listing", prefix) from None
        head = f"{self._root}/"
        named = {name[len(head) :]: info for name, info in found.items() if name.startswith(head)}
        if any(".." in name.split("/") for name in named):
            raise UserErrorException(f"{self.url!r} has names that lead out of it with '..'")
        entries = [_entry(name, info) for name, info in named.items()]
        yield from sorted(entry for entry in entries if not entry.path.endswith(PART))

    def entry(self, path: str) -> Entry | None:
        """The file at a path."""
        self._system.invalidate_cache()
        return self._entry(path)

    def _entry(self, path: str) -> Entry | None:
        try:
            info = self._system.info(self._place(path))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._explained(error, "looking for", path) from None
        return _entry(path, info) if info["type"] == "file" else None

    def fetch(
        self,
        wanted: Sequence[tuple[Entry, str]],
        *,
        overwrite: bool = False,
        done: Done | None = None,
    ) -> None:
        """Copy files to local paths."""

        self._system.invalidate_cache()

        def fetch_one(pair: tuple[Entry, str]) -> tuple[Entry, bool]:
            return pair[0], self._fetch(*pair, overwrite)

        carry_out(wanted, fetch_one, min(_WORKERS, len(wanted)), done)

    def _fetch(self, entry: Entry, target: str, overwrite: bool) -> bool:
        if not overwrite and os.path.lexists(target):
            return False
        self._check(entry)
        try:
            failures.tried_again(lambda: self._copy(entry, target), _may_pass)
        except Exception as error:
            raise self._explained(error, "fetching", entry.path) from None
        return True

    def _copy(self, entry: Entry, target: str) -> None:
        with (
            self._system.open(self._place(entry.path), "rb") as reader,
            part_of(target, f"{self.url}\0{entry.path}\0{entry.etag}") as part,
        ):
            part.clear()
            while chunk := reader.read(_CHUNK_BYTES):
                part.append(chunk)
            failures.check_whole(entry, part.size_bytes)
            self._check(entry)  # once more: what is written to meanwhile would be a mixture

    def read(self, entry: Entry, begin: int, size_bytes: int) -> bytes:
        """A piece of a file."""
        try:
            self._check(entry)
            place, end = self._place(entry.path), min(begin + size_bytes, entry.size_bytes)
            return bytes(self._system.cat_file(place, start=begin, end=end))
        except Exception as error:
            raise self._explained(error, "reading", entry.path) from None

    def _check(self, entry: Entry) -> None:
        found = self._entry(entry.path)
        if found is None or (entry.etag and found != entry):
            now = "is no longer there" if found is None else "was changed while it was being read"
            raise UserErrorException(f"{entry.path!r} on {self.url!r} {now}; do it again")

    def put(
        self,
        given: Iterable[tuple[str, str]],
        *,
        overwrite: bool = False,
        begun: Begun | None = None,
        done: Done | None = None,
    ) -> None:
        """Store local files."""

        self._system.invalidate_cache()

        def put_one(pair: tuple[str, str]) -> tuple[Entry, bool]:
            if begun is not None:
                begun(pair[1])
            return self._put(*pair, overwrite)

        carry_out(given, put_one, _WORKERS, done)

    def _put(self, source: str, path: str, overwrite: bool) -> tuple[Entry, bool]:
        present = None if overwrite else self._entry(path)
        if present is not None:
            return present, False
        try:
            failures.tried_again(lambda: self._store(source, self._place(path)), _may_pass)
        except Exception as error:
            raise self._explained(error, "storing", path) from None
        return self._entry(path) or Entry(path, os.stat(source).st_size, ""), True

    def _store(self, source: str, place: str) -> None:
        folder = posixpath.dirname(place)
        part = f"{folder}/.{os.urandom(8).hex()}{PART}"
        self._system.makedirs(folder, exist_ok=True)
        try:
            self._system.put_file(source, part)
            self._system.mv(part, place)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._system.rm_file(part)
            raise

    def _explained(self, error: Exception, doing: str, path: str) -> UserErrorException:
        if isinstance(error, UserErrorException):
            return error
        text = f"{doing} {path!r} on {self.url!r}" if path else f"{doing} {self.url!r}"
        said = str(error).partition("\n")[0] or type(error).__name__
        if isinstance(error, OSError) and error.errno in failures.FULL:
            said = f"{error.strerror}; make room, or give another place"
        text = f"{text}: {said}; what was copied before is there, and the same call goes on"
        text = failures.masked(text, self._secrets)
        lost = isinstance(error, OSError) and error.errno in failures.FULL
        return StoreLostError(text) if lost else UserErrorException(text)

    def __repr__(self) -> str:
        return f"FilesystemStore({self.url!r})"


def _may_pass(error: Exception) -> bool:
    """Whether trying again may help: each system has errors of its own, so all but some."""
    if isinstance(error, OSError) and error.errno in failures.FULL:
        return False
    return not isinstance(error, _FINAL)


def _entry(path: str, info: Mapping[str, Any]) -> Entry:
    size = int(info.get("size") or 0)
    etag = next((str(info[name]) for name in _ETAGS if info.get(name)), "")
    date = next((info[name] for name in _DATES if info.get(name)), "")
    if hasattr(date, "timestamp"):  # what lists and what looks for one file may say it otherwise
        date = date.timestamp()
    found = DatedEntry(path, size, etag.strip('"') or (f"{size}-{date}" if date else ""))
    modified = _seconds(next((info[name] for name in _DATES[:-1] if info.get(name)), None))
    if modified is None:
        return Entry(*found)
    found.modified_s = modified
    return found


def _seconds(date: Any) -> float | None:
    """A date as one of the systems says it, in seconds since 1970."""
    try:
        if isinstance(date, str):
            date = datetime.datetime.fromisoformat(date)
        return float(date.timestamp() if hasattr(date, "timestamp") else date)
    except (TypeError, ValueError):
        return None
