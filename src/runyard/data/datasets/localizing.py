"""Files of datasets on this machine: where they lie in a folder, and copies of remote ones."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence

from runyard.data.stores.local import LocalStore
from runyard.data.stores.store import Entry, Store


def in_place(store: Store, entry: Entry) -> str | None:
    """The path of a file that lies on this machine; None for one of remote storage."""
    return store.local_path(entry.path) if isinstance(store, LocalStore) else None


def localized(store: Store, entries: Sequence[Entry]) -> list[str]:
    """Paths of this machine that have the content of the entries, fetched where need be."""
    if isinstance(store, LocalStore):
        return [store.local_path(entry.path) for entry in entries]
    targets = [_kept(store, entry) for entry in entries]
    missing = [pair for pair in zip(entries, targets, strict=True) if not os.path.exists(pair[1])]
    store.fetch(missing)
    return targets


def _kept(store: Store, entry: Entry) -> str:
    text = "\0".join([store.url, entry.path, entry.etag, str(entry.size_bytes)])
    key = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
    return os.path.join(tempfile.gettempdir(), f"runyard-datasets-{os.getuid()}", key)
