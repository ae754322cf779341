"""The cache of what was fetched from remote storage."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from runyard.data import room
from runyard.data.cache import ContentCache
from runyard.data.stores.parts import part_of
from runyard.errors import UserErrorException
from tests.data.memory_store import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(a="A", b="BB", deep__c="CCC")


@pytest.fixture
def cache(tmp_path: Path) -> ContentCache:
    return ContentCache(str(tmp_path / "cache"))


def texts(cache: ContentCache, store: MemoryStore) -> list[str]:
    return [Path(path).read_text() for path in cache.localized(store, list(store.entries()))]


def test_what_was_fetched_once_is_not_fetched_again(
    cache: ContentCache, store: MemoryStore
) -> None:
    assert texts(cache, store) == ["A", "BB", "CCC"]
    assert texts(ContentCache(cache.folder), store) == ["A", "BB", "CCC"]
    assert store.fetched == ["a", "b", "deep/c"]
    assert cache.usage() == (3, 6)


def test_other_content_is_another_file(cache: ContentCache, store: MemoryStore) -> None:
    texts(cache, store)
    store.files["b"] = b"XX"
    assert texts(cache, store) == ["A", "XX", "CCC"]
    assert store.fetched == ["a", "b", "deep/c", "b"]


def test_what_does_not_tell_of_changes_is_always_fetched(
    cache: ContentCache, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a file that was changed and is as long as before would be the old one for ever."""
    entries = [entry._replace(etag="") for entry in store.entries("b")]
    monkeypatch.setattr(store, "entries", lambda prefix="": iter(entries))
    assert texts(cache, store) == ["BB"]
    store.files["b"] = b"XX"
    assert texts(cache, store) == ["XX"]


def test_a_file_that_somebody_wrote_to_is_fetched_again(
    cache: ContentCache, store: MemoryStore
) -> None:
    texts(cache, store)
    path = cache.path(store, next(iter(store.entries("b"))))
    assert os.stat(path).st_mode & 0o777 == 0o444
    os.chmod(path, 0o644)
    Path(path).write_text("XX")  # of the same size
    assert not cache.has(path)
    assert texts(cache, store) == ["A", "BB", "CCC"]


def test_what_a_killed_process_left_is_not_taken_for_whole(
    cache: ContentCache, store: MemoryStore
) -> None:
    entry = next(iter(store.entries("b")))
    path = Path(cache.path(store, entry))
    path.parent.mkdir(parents=True)
    path.write_text("BB")  # whole, but nobody has said so
    assert not cache.has(str(path))
    assert texts(cache, store) == ["A", "BB", "CCC"]


def test_a_disk_without_room_is_an_error_before_anything_is_fetched(
    cache: ContentCache, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        f_bavail, f_frsize = 1, 2

    monkeypatch.setattr(os, "statvfs", lambda path: Full)
    text = (
        f"dataset 'x': there is no room for it at '{cache.folder}': it takes 6 bytes, 2 bytes are "
        "free, 4 bytes are missing; remove what no run needs now (runyard datastore cache --prune)"
    )
    with pytest.raises(UserErrorException, match=re.escape(text)):
        cache.localized(store, list(store.entries()), "dataset 'x'")
    assert store.fetched == []


def test_pruning_removes_what_was_not_used_for_long(
    cache: ContentCache, store: MemoryStore
) -> None:
    texts(cache, store)
    link = Path(cache.folder, "view")
    os.link(cache.path(store, next(iter(store.entries("b")))), link)
    assert cache.prune(3600.0) == (0, 0)
    assert cache.prune() == (3, 6)
    assert cache.usage() == (0, 0)
    assert link.read_text() == "BB"  # a run that uses it goes on
    assert texts(cache, store) == ["A", "BB", "CCC"]


def test_pruning_removes_what_is_half_fetched_unless_a_process_has_it(
    cache: ContentCache,
) -> None:
    incoming = Path(cache.folder, "incoming")
    with part_of(str(incoming / "held"), "x") as held:
        held.append(b"HALF")
        with pytest.raises(KeyboardInterrupt):
            _break_off(incoming / "left")
        whole = incoming / "whole"
        whole.write_text("in a moment among the objects")
        assert cache.prune(3600.0) == (0, 0)
        assert cache.prune() == (1, 8 << 20)
        assert sorted(incoming.iterdir()) == sorted([whole, Path(held.path)])
    assert (incoming / "held").read_bytes() == b"HALF"
    for path in incoming.iterdir():
        os.utime(path, (1, 1))
    assert cache.prune() == (2, 4 + 29)


def _break_off(target: Path) -> None:
    with part_of(str(target), "x") as left:
        left.append(b"X" * (8 << 20))  # as much as is kept for the next try
        raise KeyboardInterrupt


def test_use_is_noted_once_a_day(cache: ContentCache, store: MemoryStore) -> None:
    texts(cache, store)
    path = cache.path(store, next(iter(store.entries("b"))))
    changed = os.stat(path).st_mtime_ns
    os.utime(path, ns=(0, changed))
    assert cache.has(path)
    assert os.stat(path).st_atime > time.time() - 60
    assert os.stat(path).st_mtime_ns == changed


def test_one_place_is_fetched_by_one_at_a_time(cache: ContentCache) -> None:
    waited: list[str] = []

    class WaitedError(Exception):
        pass

    def waits() -> None:
        waited.append("other")
        raise WaitedError

    with cache.turn("place", lambda: waited.append("first")):
        with pytest.raises(WaitedError), cache.turn("place", waits):
            pass
        with cache.turn("another", waits):
            pass
    assert waited == ["other"]


def test_sizes_are_for_people() -> None:
    assert [room.text(size) for size in (0, 999, 1500, 12_300_000_000)] == [
        *("0 bytes", "999 bytes", "1.5 KB", "12.3 GB"),
    ]
