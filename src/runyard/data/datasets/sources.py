"""From a dataset's definition to the files it means, in their stores."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from runyard.data import registry
from runyard.data.stores import opening
from runyard.data.stores.local import LocalStore
from runyard.data.stores.store import Entry, Store
from runyard.errors import UserErrorException
from runyard.job.datasets import definition as definitions
from runyard.job.datasets import selection
from runyard.job.datasets.partitions import PartitionFormat
from runyard.record.layout import WorkspaceDirectory

Definition = dict[str, Any]


class SourceFile(NamedTuple):
    """One file of a dataset.

    ``relative``: its path below the input, with '/', never led by it. ``values``: of the columns
    of ``partition_format``, as text.
    """

    store: Store
    entry: Entry
    relative: str
    values: dict[str, str]
    source: dict[str, Any]
    """The source of the definition that it is of."""


class _Place(NamedTuple):
    """A source, opened. ``key``: names the store where several are in one dataset."""

    key: str
    store: Store
    path: str
    source: dict[str, Any]


class _Found(NamedTuple):
    place: _Place
    folder: str
    entry: Entry


def resolve(definition: Definition, directory: WorkspaceDirectory | None) -> list[SourceFile]:
    """The files of a dataset in the order of their paths, those its steps leave out left out.

    Steps of tabular datasets are about rows and count only when they are read. ``directory``: the
    workspace whose datastores are meant, None where there are only URLs. Raises UserErrorException:
    no such datastore, a store that does not answer, nothing at a path, a path that is not of the
    partition format.
    """
    found = _distinct(
        [item for source in definition["sources"] for item in _found(source, directory)]
    )
    partition = definition.get("partition_format")
    parsed = PartitionFormat(partition) if partition else None
    files = [
        _source_file(item, relative, parsed)
        for item, relative in zip(found, _relatives(found), strict=True)
    ]
    files.sort(key=lambda file: file.relative)
    if definition["type"] != definitions.FILE:
        return files
    return selection.chosen(files, definition["steps"], lambda file: _values(file, parsed))


def _source_file(item: _Found, relative: str, parsed: PartitionFormat | None) -> SourceFile:
    values = parsed.values(item.entry.path) if parsed else {}
    return SourceFile(item.place.store, item.entry, relative, values, item.place.source)


def check(definition: Definition, directory: WorkspaceDirectory | None) -> list[SourceFile]:
    """The first file of each source, by its path in the store; that of a query is none.

    A folder of this machine is not listed, however many files it has: of one that is all of a file
    dataset there is none either. Raises UserErrorException where `resolve` would, as far as these
    files go.
    """
    whole = folder(definition, directory)
    if whole is not None:
        with os.scandir(whole) as inside:
            if next(inside, None) is not None:
                return []
    partition = definition.get("partition_format")
    parsed = PartitionFormat(partition) if partition else None
    files = []
    for source in definition["sources"]:
        if "query" in source:
            registry.record(_needed(directory, source["datastore"]), source["datastore"])
        else:
            first = next(_found(source, directory))
            files.append(_source_file(first, first.entry.path, parsed))
    return files


def folder(definition: Definition, directory: WorkspaceDirectory | None) -> str | None:
    """The folder of this machine all of whose files a file dataset is; None for any other."""
    source = definitions.whole_folder(definition)
    if source is None:
        return None
    place = _opened(source, directory)
    if not isinstance(place.store, LocalStore):
        return None
    path = place.store.local_path(place.path)
    return path if os.path.isdir(path) else None


def single_file(definition: Definition, found: list[SourceFile]) -> bool:
    """Whether a dataset is one file named by one path without wildcards."""
    if definition.get("is_file"):
        return len(found) == 1
    if len(definition["sources"]) != 1 or len(found) != 1 or definition["steps"]:
        return False
    source = definition["sources"][0]
    path = source["path"] if "path" in source else unquote(urlsplit(source["url"]).path)
    return not definitions.is_pattern(path) and found[0].entry.path == path.strip("/")


def _found(source: dict[str, Any], directory: WorkspaceDirectory | None) -> Iterator[_Found]:
    place = _opened(source, directory)
    base = definitions.base(place.path)
    matches = definitions.matcher(place.path) if definitions.is_pattern(place.path) else None
    empty = True
    for entry in place.store.entries(base):
        if matches is not None and not matches.match(entry.path):
            continue
        empty = False
        # A path without wildcards may be the file itself: then its folder is what it is below.
        below = base if entry.path != base else base.rpartition("/")[0]
        yield _Found(place, below, entry)
    if empty:
        raise _nothing(source, place.store)


def _opened(source: dict[str, Any], directory: WorkspaceDirectory | None) -> _Place:
    store = store_of(source, directory)
    if "url" not in source:
        return _Place(source["datastore"], store, source["path"], source)
    parts = urlsplit(source["url"])
    return _Place(parts.netloc, store, unquote(parts.path).strip("/"), source)


def root_of(source: dict[str, Any]) -> dict[str, str]:
    """What the store of a source is found by: its datastore or the root of its URL, and its query.

    A web server is sent the query with the path of each file.
    """
    if "url" not in source:
        return {"datastore": source["datastore"]}
    parts = urlsplit(source["url"])
    return {"url": urlunsplit((parts.scheme, parts.netloc, "", parts.query, ""))}


def store_of(source: dict[str, Any], directory: WorkspaceDirectory | None) -> Store:
    """The store of a source. Raises UserErrorException when there is no such datastore."""
    root = root_of(source)
    if "url" in root:
        return opening.open_store(root["url"])
    return registry.store_of(_needed(directory, root["datastore"]), root["datastore"])


def _needed(directory: WorkspaceDirectory | None, name: str) -> WorkspaceDirectory:
    if directory is None:
        raise UserErrorException(
            f"the dataset has data on the datastore {name!r}, and it is not known of which "
            "workspace; register it: dataset.register(workspace, 'name')"
        )
    return directory


def _nothing(source: dict[str, Any], store: Store) -> UserErrorException:
    where = (
        f"at {source['url']!r}"
        if "url" in source
        else f"at {source['path'] or '.'!r} on datastore {source['datastore']!r} ({store.url!r})"
    )
    return UserErrorException(
        f"there is no file {where}; upload it first, or give another path: 'folder/**' is all "
        "below a folder, 'folder/*.csv' the files of one ending in it"
    )


def _distinct(found: list[_Found]) -> list[_Found]:
    """Without the files that two sources have in common."""
    return list({(item.place.store.url, item.entry.path): item for item in found}.values())


def _relatives(found: list[_Found]) -> list[str]:
    """Below the folder that all sources have in common; with several stores below their names."""
    folders: dict[str, set[str]] = {}
    for item in found:
        folders.setdefault(item.place.key, set()).add(item.folder)
    common = {key: _common(below) for key, below in folders.items()}
    several = len(common) > 1
    relatives = []
    for item in found:
        head = common[item.place.key]
        relative = item.entry.path[len(head) + 1 if head else 0 :]
        relatives.append(f"{item.place.key}/{relative}" if several else relative)
    _check_unique(relatives, found)
    return relatives


def _common(folders: set[str]) -> str:
    """The folder that all lie below; parts are kept as they are, keys of objects may be odd."""
    columns = zip(*(folder.split("/") if folder else [] for folder in folders), strict=False)
    same = itertools.takewhile(lambda column: len(set(column)) == 1, columns)
    return "/".join(column[0] for column in same)


def _check_unique(relatives: list[str], found: list[_Found]) -> None:
    seen: dict[str, _Found] = {}
    for relative, item in zip(relatives, found, strict=True):
        if relative in seen:
            raise UserErrorException(
                f"{seen[relative].entry.path!r} and {item.entry.path!r} would both be "
                f"{relative!r} in the dataset; leave one of them out, or make a dataset of each"
            )
        seen[relative] = item


def _values(file: SourceFile, parsed: PartitionFormat | None) -> dict[str, Any]:
    values = parsed.typed(file.values) if parsed else {}
    return selection.file_values(
        {
            "path": file.relative,
            "size_bytes": file.entry.size_bytes,
            "modified_s": file.store.modified_s(file.entry),
            "values": values,
        }
    )
