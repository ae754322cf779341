"""Files of datasets on this machine: where they lie in a folder, and copies of remote ones."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.data.cache import ContentCache
from runyard.data.stores.local import LocalStore
from runyard.data.stores.store import Entry, Store


def in_place(store: Store, entry: Entry) -> str | None:
    """The path of a file that lies on this machine; None for one of remote storage."""
    return store.local_path(entry.path) if isinstance(store, LocalStore) else None


def localized(store: Store, entries: Sequence[Entry]) -> list[str]:
    """Paths of this machine that have the content of the entries, fetched where need be.

    Raises UserErrorException: what a store raises, or that the disk has no room.
    """
    return ContentCache().localized(store, entries, "the dataset")
