"""Whether the records of models, datasets, datastores and the like are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator

from runyard.history.verification.finding import Finding
from runyard.history.verification.runs import UNREADABLE, reason
from runyard.record import jsonl
from runyard.record.layout import WorkspaceDirectory

_COPY = "put a copy of it back, or remove it"
_PLAIN = ("computes", "datastores", "environments", "experiments")


def examine(workspace: WorkspaceDirectory, counts: dict[str, int]) -> Iterator[Finding]:
    """What is wrong with them; ``counts`` gets how many there are of each kind."""
    yield from _models(workspace, counts)
    yield from _datasets(workspace, counts)
    for kind in _PLAIN:
        for path in _records(os.path.join(workspace.path, kind)):
            counts[kind] = counts.get(kind, 0) + 1
            yield from _object(path)


def _models(workspace: WorkspaceDirectory, counts: dict[str, int]) -> Iterator[Finding]:
    counts["models"] = 0
    for name in _names(workspace.models):
        folder = os.path.join(workspace.models, name)
        for version in _names(folder):
            if version.isdigit():
                counts["models"] += 1
                yield from _model(os.path.join(folder, version), name, int(version))


def _model(folder: str, name: str, version: int) -> Iterator[Finding]:
    yield from _object(os.path.join(folder, "model.json"), name=name, version=version)
    if not _names(os.path.join(folder, "files")):
        advice = f"put a copy of them back, or remove the version: rm -r {folder}"
        yield Finding("error", os.path.join(folder, "files"), "has none of its files", advice)


def _datasets(workspace: WorkspaceDirectory, counts: dict[str, int]) -> Iterator[Finding]:
    counts["datasets"] = 0
    top = os.path.join(workspace.path, "datasets")
    for name in _names(top):
        for path in _records(os.path.join(top, name)):
            version = os.path.basename(path).removesuffix(".json")
            if version.isdigit():
                counts["datasets"] += 1
                yield from _object(path, name=name, version=int(version))


def _object(path: str, **wanted: object) -> Iterator[Finding]:
    """A JSON object that says what its place says."""
    try:
        record = jsonl.read_json(path)
    except FileNotFoundError:
        yield Finding("error", path, "is not there", _COPY.replace("it back", "it there"))
        return
    except UNREADABLE as error:
        yield Finding("error", path, reason(error), _COPY)
        return
    for key, value in wanted.items():
        if record.get(key) != value:
            text = f"says {key} {record.get(key)!r}, and lies where {value!r} belongs"
            yield Finding("error", path, text, _COPY)


def _records(folder: str) -> Iterator[str]:
    for name in _names(folder):
        if name.endswith(".json") and not name.startswith("."):
            yield os.path.join(folder, name)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
