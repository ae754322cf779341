"""A store in the memory of one process, which counts what is fetched from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from runyard.data.stores.store import Entry, Store


class MemoryStore(Store):
    """``fetched``: the paths that were fetched, in order."""

    def __init__(self, **files: str) -> None:
        self.url = "memory://tests"
        self.files = {name.replace("__", "/"): text.encode() for name, text in files.items()}
        self.fetched: list[str] = []

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        for path in sorted(self.files):
            if path == prefix or path.startswith(f"{prefix}/" if prefix else ""):
                yield Entry(path, len(self.files[path]), str(hash(self.files[path])))

    def entry(self, path: str) -> Entry | None:
        return next((entry for entry in self.entries(path) if entry.path == path), None)

    def fetch(
        self,
        wanted: Sequence[tuple[Entry, str]],
        *,
        overwrite: bool = False,
        done: Callable[[Entry, bool], None] | None = None,
    ) -> None:
        for entry, target in wanted:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(target).write_bytes(self.files[entry.path])
            self.fetched.append(entry.path)
            if done is not None:
                done(entry, True)

    def put(
        self,
        given: Iterable[tuple[str, str]],
        *,
        overwrite: bool = False,
        begun: Callable[[str], object] | None = None,
        done: Callable[[Entry, bool], None] | None = None,
    ) -> None:
        raise AssertionError("nothing is stored here")
