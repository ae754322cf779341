"""Object storage as a store: S3, Google Cloud Storage, Azure and web servers, through obstore."""

from __future__ import annotations

import os
import posixpath
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.data.stores import connecting, failures, listing
from runyard.data.stores.parallel import carry_out
from runyard.data.stores.parts import Part, part_of
from runyard.data.stores.store import Entry, Store
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.stores.store import Begun, Done
    from runyard.data.stores.web_folders import WebFolders

_WORKERS = 16
_LARGE_BYTES = 64 << 20
_RANGE_BYTES = 8 << 20
_RANGES = 8
_LARGE_AT_ONCE = 2
"""Uploads in pieces, each of which takes memory for four."""
_MOST_PIECES = 9_000
"""Of one object; S3 takes 10,000."""
_STREAMED_BYTES = 1 << 20
_FEW = 8
"""So many files are asked for one by one before they are stored; of more a list is made."""
_LISTED = 1000
"""Objects in one answer of a storage."""


class ObjectStore(Store):
    """The objects below a URL. An object is there whole or not at all: the storage sees to that."""

    def __init__(self, url: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        self._kind = connecting.kind_of(url)
        self._connected = connecting.connected(url, options, secrets)
        self._listed = self._connected
        self._folders: WebFolders | None = None
        if self._kind == "http":  # most do not know what asks for a list, and say 501
            self._listed = connecting.connected(url, {**options, "retries": 0}, secrets)
            from runyard.data.stores.web_folders import WebFolders

            self._folders = WebFolders(url, options, secrets)
        self._bucket_is_there = False
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._failures = failures.Failures(self.url, secrets)

    @property
    def _store(self) -> Any:
        """The store of obstore."""
        self._check_process()
        return self._connected

    def _check_process(self) -> None:
        """The threads of obstore are not there in a process forked since."""
        if connecting.is_forked():
            raise UserErrorException(
                f"{self.url!r} cannot be reached from a process that was forked from one that had "
                "used object storage; start it with 'spawn' (multiprocessing), or use the "
                "datastore for the first time in the new process"
            )

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """The object at ``prefix``, or all below it."""
        found = self.entry(prefix) if prefix else None
        # The page about a folder of a web server looks like a file.
        is_page = found is not None and self._is_web_folder(prefix)
        if found is not None and not is_page:
            yield found
        else:
            yield from self._below(prefix)

    def _below(self, prefix: str) -> Iterator[Entry]:
        import obstore

        self._check_process()
        try:
            chunks = obstore.list(self._listed, prefix or None, chunk_size=_LISTED)
            found = listing.files(chunks, self._is_there)
            # Of these it is not known whether they list in order; others do.
            yield from sorted(found) if self._kind == "http" else found
        except Exception as error:
            if self._kind == "http" and failures.is_unknown_request(error):
                if prefix and self._is_web_folder(prefix):
                    raise UserErrorException(
                        f"{prefix!r} on {self.url!r} is a folder, and web servers give single "
                        f"files, not folders; give the path of a file, such as "
                        f"'{prefix}/data.csv', once for each file"
                    ) from None
                if prefix:  # and there is no file at it, which is all a web server can say
                    return
                raise UserErrorException(
                    f"{self.url!r} is on a web server, which tells no list of its files; give the "
                    "path of a file"
                ) from None
            raise self._failures.explained(error, "listing", prefix) from None

    def _is_web_folder(self, path: str) -> bool:
        return self._folders is not None and self._folders.is_one(path)

    def _is_there(self, path: str) -> bool:
        return self.entry(path) is not None

    def entry(self, path: str) -> Entry | None:
        """The object at a path."""
        import obstore

        try:
            return listing.entry_of(obstore.head(self._store, path))
        except FileNotFoundError:
            self._check_bucket()
            return None
        except Exception as error:
            raise self._failures.explained(error, "looking for", path) from None

    def _check_bucket(self) -> None:
        """Once: the answer to a HEAD does not say whether it is the bucket that is missing."""
        import obstore

        if self._bucket_is_there or self._kind == "http":
            return
        try:
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        except Exception as error:
            found = self._failures.explained(error, "looking for", "")
            if failures.NO_BUCKET in found.message:
                raise found from None
        self._bucket_is_there = True

    def fetch(
        self,
        wanted: Sequence[tuple[Entry, str]],
        *,
        overwrite: bool = False,
        done: Done | None = None,
    ) -> None:
        """Copy objects to local paths; large ones in ranges that are fetched at once."""
        small = [pair for pair in wanted if pair[0].size_bytes <= _LARGE_BYTES]
        large = [pair for pair in wanted if pair[0].size_bytes > _LARGE_BYTES]

        def fetch_one(pair: tuple[Entry, str]) -> tuple[Entry, bool]:
            return pair[0], self._fetch(*pair, overwrite)

        carry_out(small, fetch_one, min(_WORKERS, len(small)), done)
        carry_out(large, fetch_one, min(1, len(large)), done)

    def _fetch(self, entry: Entry, target: str, overwrite: bool) -> bool:
        if not overwrite and os.path.lexists(target):
            return False
        try:
            with part_of(target, f"{self.url}\0{entry.path}\0{entry.etag}") as part:
                if not entry.etag or part.size_bytes > entry.size_bytes:
                    part.clear()
                if entry.size_bytes > _LARGE_BYTES and self._kind != "http":
                    self._fill_in_ranges(entry, part)
                else:
                    self._fill(entry, part)
        except Exception as error:
            raise self._failures.explained(error, "fetching", entry.path, target) from None
        return True

    def _fill(self, entry: Entry, part: Part) -> None:
        """In one stream, and from where it broke in another one, as long as much has come."""
        while True:
            before = part.size_bytes
            try:
                failures.tried_again(lambda: self._append(entry, part))
                return
            except Exception as error:
                if not failures.may_pass(error) or part.size_bytes - before < _RANGE_BYTES:
                    raise

    def _append(self, entry: Entry, part: Part) -> None:
        import obstore

        if part.size_bytes == entry.size_bytes > 0:
            return
        options = _conditions(entry)
        if part.size_bytes:
            options["range"] = {"offset": part.size_bytes}
        try:
            found = obstore.get(self._store, entry.path, options=options)  # type: ignore[arg-type]
        except obstore.exceptions.NotSupportedError:  # a web server without ranges
            part.clear()
            found = obstore.get(self._store, entry.path)
        failures.check_same(entry, listing.entry_of(found.meta))
        for chunk in found.stream(_STREAMED_BYTES):
            part.append(chunk)
        failures.check_whole(entry, part.size_bytes)

    def _fill_in_ranges(self, entry: Entry, part: Part) -> None:
        """Several ranges at once, written in order, so that the part is always a beginning."""
        from concurrent.futures import ThreadPoolExecutor

        begins = iter(range(part.size_bytes, entry.size_bytes, _RANGE_BYTES))
        with ThreadPoolExecutor(_RANGES) as pool:
            first = islice(begins, _RANGES)
            pending = deque(pool.submit(self._range, entry, at, _RANGE_BYTES) for at in first)
            while pending:
                part.append(pending.popleft().result())
                more = islice(begins, 1)
                pending += [pool.submit(self._range, entry, at, _RANGE_BYTES) for at in more]
        failures.check_whole(entry, part.size_bytes)

    def read(self, entry: Entry, begin: int, size_bytes: int) -> bytes:
        """A part of an object."""
        try:
            return bytes(self._range(entry, begin, size_bytes))
        except Exception as error:
            raise self._failures.explained(error, "reading", entry.path) from None

    def _range(self, entry: Entry, begin: int, size_bytes: int) -> memoryview:
        import obstore

        end = min(begin + size_bytes, entry.size_bytes)
        options = {**_conditions(entry), "range": (begin, end)}

        def ask() -> memoryview:
            found = obstore.get(self._store, entry.path, options=options)  # type: ignore[arg-type]
            failures.check_same(entry, listing.entry_of(found.meta))
            content = memoryview(found.bytes())
            failures.check_whole(entry._replace(size_bytes=end - begin), len(content))
            return content

        return failures.tried_again(ask)

    def check_writable(self) -> None:
        """Raise UserErrorException of a web server."""
        if self._kind == "http":
            raise UserErrorException(
                f"{self.url!r} is on a web server, which gives files and takes none; give a "
                "datastore that files can be stored on, such as workspaceblobstore"
            )

    def put(
        self,
        given: Iterable[tuple[str, str]],
        *,
        overwrite: bool = False,
        begun: Begun | None = None,
        done: Done | None = None,
    ) -> None:
        """Store local files; large ones in several pieces."""
        self.check_writable()
        pairs = list(given)
        there = {} if overwrite else self._there([path for _, path in pairs])

        def put_one(pair: tuple[str, str]) -> tuple[Entry, bool]:
            if begun is not None:
                begun(pair[1])
            present = there.get(pair[1])
            return (present, False) if present else self._put(*pair, overwrite)

        carry_out(pairs, put_one, _WORKERS, done)

    def _there(self, paths: list[str]) -> dict[str, Entry]:
        """Those of many paths that a list tells of; of the others nothing is known.

        The list is of all below the folder they share, and ends where it would cost more than to
        ask for each of them.
        """
        import obstore

        if len(paths) <= _FEW:
            return {}
        folder = posixpath.commonpath([posixpath.dirname(path) for path in paths])
        most, wanted = _LISTED * max(1, len(paths) // _WORKERS), set(paths)
        try:
            chunks = obstore.list(self._store, folder or None, chunk_size=_LISTED)
            # Whether an empty one is a file is asked when its turn comes.
            found = islice(listing.files(chunks, lambda _: False), most)
            return {entry.path: entry for entry in found if entry.path in wanted}
        except Exception as error:
            if failures.is_refused(error):  # who may store need not be allowed to list
                return {}
            raise self._failures.explained(error, "listing", folder) from None

    def _put(self, source: str, path: str, overwrite: bool) -> tuple[Entry, bool]:
        import obstore

        present = None if overwrite else self.entry(path)
        if present is not None:
            return present, False
        try:
            size = os.stat(source).st_size
            if size > _RANGE_BYTES:
                with self._large:
                    piece = max(_RANGE_BYTES, -(-size // _MOST_PIECES))
                    stored = obstore.put(
                        self._store, path, Path(source), chunk_size=piece, max_concurrency=4
                    )
            else:
                content = Path(source).read_bytes()
                size = len(content)
                stored = obstore.put(self._store, path, content)
        except Exception as error:
            raise self._failures.explained(error, "storing", path, source) from None
        return Entry(
            path, size, listing.plain_etag(stored["e_tag"]) or f"{listing.DATED}{time.time()}"
        ), True

    def __repr__(self) -> str:
        return f"ObjectStore({self.url!r})"


def _conditions(entry: Entry) -> dict[str, Any]:
    """Weak etags are never equal for a server that is asked for a match (RFC 9110, 13.1.1)."""
    if not entry.etag or entry.etag.startswith((listing.DATED, "W/")):
        return {}
    return {"if_match": f'"{entry.etag}"'}
