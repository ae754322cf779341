from __future__ import annotations

from pathlib import Path

import pytest

from runyard.data.cache import ContentCache
from tests.cli.fixtures import Invoke
from tests.data.memory_store import MemoryStore


def test_the_cache_of_data_is_shown_and_pruned(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path))
    store = MemoryStore(a="A", b="BB")
    ContentCache().localized(store, list(store.entries()))
    folder = f"{tmp_path}/data"
    assert invoke("datastore", "cache").out == f"{folder}: 2 files, 3 bytes\n"
    said = invoke("datastore", "cache", "--prune", "--older-than", "1")
    assert (said.err, said.out) == ("0 files removed, 0 bytes\n", f"{folder}: 2 files, 3 bytes\n")
    assert invoke("datastore", "cache", "--prune", "--json").json == {
        "folder": folder,
        "files": 0,
        "size_bytes": 0,
        "removed_files": 2,
        "removed_bytes": 3,
    }


def test_an_age_alone_removes_nothing(invoke: Invoke) -> None:
    said = invoke("datastore", "cache", "--older-than", "1")
    assert said.code == 2
    assert "--older-than says what to remove: give --prune with it" in said.err
