"""What datasets ask of the stores (``job.datasets.service_client``): functions of JSON.

As a program it answers one question on its standard input: scripts run it with runyard's own
Python, since theirs has no client for object storage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from runyard.data import names, registry
from runyard.data.datasets import localizing, sources
from runyard.data.datasets.sources import SourceFile
from runyard.data.stores.store import Entry
from runyard.errors import RunyardError
from runyard.record.layout import WorkspaceDirectory

Directory = WorkspaceDirectory | None


def answer(name: str, workspace: str | None, arguments: dict[str, Any]) -> Any:
    """The answer of one of ``CALLS``. Raises what it raises."""
    directory = None if workspace is None else WorkspaceDirectory(workspace)
    return CALLS[name](directory, **arguments)


def _files(directory: Directory, definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [_described(file) for file in sources.resolve(definition, directory)]


def _described(file: SourceFile) -> dict[str, Any]:
    return {
        "path": file.relative,
        "size_bytes": file.entry.size_bytes,
        "modified_s": file.store.modified_s(file.entry),
        "values": file.values,
        "local": localizing.in_place(file.store, file.entry),
        "source": file.source,
        "entry": list(file.entry),
    }


def _fetch(directory: Directory, files: list[dict[str, Any]]) -> list[str]:
    """Where files that `_files` has described are on this machine, in their order."""
    by_source: dict[str, list[int]] = {}
    for number, file in enumerate(files):
        key = json.dumps(sources.root_of(file["source"]), sort_keys=True)
        by_source.setdefault(key, []).append(number)
    places = [""] * len(files)
    for numbers in by_source.values():
        store = sources.store_of(files[numbers[0]]["source"], directory)
        entries = [Entry(*files[number]["entry"]) for number in numbers]
        for number, place in zip(numbers, localizing.localized(store, entries), strict=True):
            places[number] = place
    return places


def _check(directory: Directory, definition: dict[str, Any]) -> list[dict[str, Any]]:
    """The first file of every source. Raises UserErrorException when there is none."""
    return [_described(file) for file in sources.check(definition, directory)]


def _put(
    directory: Directory, datastore: str, pairs: list[tuple[str, str]], overwrite: bool
) -> list[bool]:
    """Store local files as (local path, path on the datastore); whether each was not there."""
    assert directory is not None
    new: dict[str, bool] = {}
    store = registry.store_of(directory, datastore)
    given = [(local, names.inside(path)) for local, path in pairs]
    store.put(given, overwrite=overwrite, done=lambda entry, was: new.update({entry.path: was}))
    return [new.get(path, True) for _, path in given]


def _changed(directory: Directory, definition: dict[str, Any]) -> float | None:
    """When the newest file of a dataset changed, in seconds since 1970; None if unknown."""
    found = sources.resolve(definition, directory)
    times = [file.store.modified_s(file.entry) for file in found]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _default(directory: Directory) -> str:
    """The name of the default datastore."""
    assert directory is not None
    return registry.default_name(directory)


def _query(directory: Directory, source: dict[str, Any], limit: int | None, target: str) -> None:
    """The rows of a query in the file ``target``."""
    from runyard.data.datasets import query

    assert directory is not None
    query.rows(directory, source, limit, target)


def _datastore(directory: Directory, **given: Any) -> Any:
    """See ``datastore_service.answer``."""
    from runyard.data.datasets import datastore_service

    return datastore_service.answer(directory, **given)


CALLS: dict[str, Callable[..., Any]] = {
    "changed": _changed,
    "datastore": _datastore,
    "check": _check,
    "default": _default,
    "fetch": _fetch,
    "files": _files,
    "put": _put,
    "query": _query,
}
"""What may be asked, by name; each is given the workspace first."""


def main() -> None:
    """Answer the question on standard input."""
    request = json.load(sys.stdin)
    try:
        found = {"result": answer(request["call"], request["workspace"], request["arguments"])}
    except RunyardError as error:
        found = {"error": error.message, "kind": type(error).__name__}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
