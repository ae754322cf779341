"""From what object storage lists to files: consoles of storages make objects that mean folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from runyard.data.stores.store import DatedEntry, Entry

_WORKERS = 16
DATED = "date "
"""What the etag of an object begins with whose storage has said none."""


def entry_of(meta: Any) -> Entry:
    """What obstore says of an object."""
    etag = plain_etag(meta["e_tag"]) or f"{DATED}{meta['last_modified'].isoformat()}"
    found = DatedEntry(meta["path"], meta["size"], etag)
    # A web server that tells no date is one whose files are all of 1970.
    found.modified_s = meta["last_modified"].timestamp()
    return found if found.modified_s > 0 else Entry(*found)


def plain_etag(etag: str | None) -> str:
    """Without its quotes."""
    text = etag or ""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def files(chunks: Iterable[Sequence[Any]], is_there: Callable[[str], object]) -> Iterator[Entry]:
    """The files among listed objects, in their order.

    Left out are folders: empty objects that others lie below, and those whose key ends in '/',
    which obstore names without it. Only those are not found when asked for: ``is_there``.
    """
    held: list[Entry] = []
    for chunk in chunks:
        found = [*held, *map(entry_of, chunk)]
        held = found[-1:]
        beside = pairwise(found)
        yield from _checked([one for one, after in beside if not _is_above(one, after)], is_there)
    yield from _checked(held, is_there)


def _is_above(entry: Entry, after: Entry) -> bool:
    return not entry.size_bytes and after.path.startswith(f"{entry.path}/")


def _checked(found: list[Entry], is_there: Callable[[str], object]) -> Iterator[Entry]:
    empty = [entry.path for entry in found if not entry.size_bytes]
    if empty:
        with ThreadPoolExecutor(min(_WORKERS, len(empty))) as pool:
            answers = zip(empty, pool.map(is_there, empty), strict=True)
            gone = {path for path, there in answers if not there}
        found = [entry for entry in found if entry.path not in gone]
    yield from found
