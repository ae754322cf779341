"""Sending what changes in a run directory to a datastore. Standard library only."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time

from runyard.data.relay import batches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from runyard.data.relay.batches import Change
    from runyard.data.stores.store import Store
    from runyard.record.layout import RunDirectory

    Known = tuple[int, int] | str | None

_INLINE_BYTES = 64 << 10
_AT_ONCE_BYTES = 4 << 20
"""What is sent of one log at a time."""
_BATCH_BYTES = 32 << 20
_BATCH_FILES = 1000
"""So much goes into one object: it is held in memory, and sent again as a whole when that fails."""
_SETTLED_S = 1.0
"""A result that was changed later than that may still be in the making."""
_RESULTS_EVERY_S = 5.0
"""How often results are looked through while the script runs."""
_RESULTS = (os.path.join("work", "outputs"), os.path.join("work", "logs"), "files", "datasets")
_TOP = ("environment.json", "inputs.json", "data.json", "outputs", "logs")


class Pusher:
    """Sends one run directory, piece by piece; what could not be sent is sent with the next."""

    def __init__(self, run: RunDirectory, store: Store) -> None:
        self._run = run
        self._store = store
        self._number = 1
        self._offsets: dict[str, int] = {}
        self._known: dict[str, Known] = {}
        self._results_at = 0.0
        self._results: Iterator[list[Change]] | None = None
        self._ended = False
        self.unreadable: set[str] = set()
        """What this user may not read, and what is therefore not sent."""

    def push(self) -> bool:
        """Send of what is new all but large results; whether there was something.

        Raises what stores raise, and OSError.
        """
        sent = self._send(itertools.chain(self._whole(_TOP), self._appended()))
        return self._push_results() or sent

    def _push_results(self) -> bool:
        """One batch: logs, and a cancel, do not wait until all of a large result is sent."""
        if self._results is None:
            if time.monotonic() - self._results_at < _RESULTS_EVERY_S:
                return False
            self._results = _in_batches(self._whole(_RESULTS))
        results, self._results = self._results, None  # looked through anew when sending fails
        batch = next(results, None)
        if batch is None:
            self._results_at = time.monotonic()
            return False
        self._send_batch(batch)
        self._results = results
        return True

    def finish(self) -> None:
        """Send all there is, and that this is all; to be called when nothing runs any more."""
        if self._ended:
            return
        self._send(self._whole(sorted(os.listdir(self._run.path)), finished=True))
        self._send(self._gone())
        while self._send(self._appended()):
            continue
        self._send(self._appended(finished=True))
        self._send([{"end": True}])
        self._ended = True

    def _send(self, changes: Iterable[Change]) -> bool:
        sent = False
        for batch in _in_batches(changes):
            self._send_batch(batch)
            sent = True
        return sent

    def _send_batch(self, changes: list[Change]) -> None:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(self._run.path)) as folder:
            place = batches.back(self._run.id, self._number)
            large = []
            for number, change in enumerate(changes):
                if "from" in change:
                    change["object"] = f"{number:06}"
                    large.append((change.pop("from"), f"{place}.files/{number:06}"))
            self._put(large)
            batch = os.path.join(folder, "batch")
            with open(batch, "wb") as stream:
                keys = ("offset", "stamp")
                stream.write(batches.encode(_without(change, keys) for change in changes))
            self._put([(batch, place)])
        self._number += 1
        self._remember(changes)

    def _put(self, given: list[tuple[str, str]]) -> None:
        if given:
            self._store.put(given, overwrite=True)

    def _remember(self, changes: list[Change]) -> None:
        for change in changes:
            if "offset" in change:
                self._offsets[change["path"]] = change["offset"]
            elif "stamp" in change:
                self._known[change["path"]] = change["stamp"]
            elif "removed" in change:
                del self._known[change["path"]]

    def _appended(self, *, finished: bool = False) -> Iterator[Change]:
        """New bytes; the run's end only when it is finished, after all else."""
        for folder in batches.APPENDED:
            for path in self._files(folder):
                yield from self._tail(path)
        yield from self._tail("events.jsonl", with_end=finished)

    def _tail(self, path: str, *, with_end: bool = True) -> Iterator[Change]:
        begin = self._offsets.get(path, 0)
        try:
            with open(self._run.join(path), "rb") as stream:
                cut = begin > os.fstat(stream.fileno()).st_size
                if cut:
                    begin = 0
                stream.seek(begin)
                data = stream.read(_AT_ONCE_BYTES)
                if path.endswith(".jsonl") and b"\n" not in data:
                    data += stream.readline()  # a line is sent as a whole, however long it is
        except FileNotFoundError:
            return
        if path.endswith(".jsonl"):
            data = data[: data.rfind(b"\n") + 1]
        if not with_end:
            data = _before_end(data)
        if data or cut:
            change: Change = {"path": path, "at": begin, "data": batches.packed(data)}
            yield {**change, "offset": begin + len(data), **({"cut": True} if cut else {})}

    def _whole(self, names: Any, *, finished: bool = False) -> Iterator[Change]:
        for name in names:
            for path in self._below(name):
                if batches.is_sent(path) and not _is_appended(path):
                    yield from self._changed(path, finished)

    def _below(self, path: str) -> Iterator[str]:
        """A path and all below it, folders first; nothing behind links."""
        yield path
        place = self._run.join(path)
        if not os.path.isdir(place) or os.path.islink(place):
            return
        try:
            names = sorted(os.listdir(place))
        except (FileNotFoundError, NotADirectoryError):  # the script has removed it
            return
        except PermissionError:
            self.unreadable.add(path)
            return
        for name in names:
            yield from self._below(f"{path}/{name}")

    def _files(self, folder: str) -> Iterator[str]:
        for path in self._below(folder):
            if os.path.isfile(self._run.join(path)):
                yield path

    def _changed(self, path: str, finished: bool) -> Iterator[Change]:
        place = self._run.join(path)
        try:
            found = self._look(path, place, finished)
        except (FileNotFoundError, NotADirectoryError):  # the script has removed it
            return
        if found is not None:
            yield found

    def _look(self, path: str, place: str, finished: bool) -> Change | None:
        about = os.lstat(place)
        stamp: Known
        if os.path.islink(place):
            stamp = os.readlink(place)
            change: Change = {"path": path, "link": stamp}
        elif os.path.isdir(place):
            stamp, change = "/", {"path": path, "folder": True}
        elif os.path.isfile(place):
            stamp = (about.st_size, about.st_mtime_ns)
            change = {"path": path, "mode": about.st_mode & 0o777}
        else:  # a socket, a device
            return None
        if self._known.get(path) == stamp:
            return None
        if "mode" in change:
            if not finished and time.time() - about.st_mtime < _SETTLED_S:
                return None
            if not os.access(place, os.R_OK):
                self.unreadable.add(path)
                return None
            change.update(_content(place, about.st_size))
        return {**change, "stamp": stamp}

    def _gone(self) -> Iterator[Change]:
        """What is not there any more; a folder that is something else now went with all in it."""
        for path in list(self._known):
            in_folder = self._known.get(os.path.dirname(path), "/") == "/"
            if in_folder and not os.path.lexists(self._run.join(path)):
                yield {"path": path, "removed": True}


def _in_batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    size_bytes = 0
    for change in changes:
        batch.append(change)
        size_bytes += change["stamp"][0] if "from" in change else len(change.get("data", ""))
        if size_bytes >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _content(place: str, size_bytes: int) -> Change:
    if size_bytes > _INLINE_BYTES:
        return {"from": place}
    with open(place, "rb") as stream:
        return {"data": batches.packed(stream.read())}


def _without(change: Change, keys: tuple[str, ...]) -> Change:
    return {key: value for key, value in change.items() if key not in keys}


def _is_appended(path: str) -> bool:
    return path == "events.jsonl" or path.partition("/")[0] in batches.APPENDED


def _before_end(events: bytes) -> bytes:
    """The lines before the one that ends the run."""
    lines = events.splitlines(keepends=True)
    ends = (number for number, line in enumerate(lines) if _is_end(line))
    return b"".join(lines[: next(ends, len(lines))])


def _is_end(line: bytes) -> bool:
    try:
        return bool(json.loads(line).get("reason"))
    except (ValueError, AttributeError):
        return False
