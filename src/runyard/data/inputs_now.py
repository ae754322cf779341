"""Whether what a run has read is still the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runyard.data import fingerprints, freezing, input_changes, registry
from runyard.data.fingerprints import Input
from runyard.data.spec import DatasetSpec
from runyard.errors import RunyardError

if TYPE_CHECKING:
    from runyard.data.input_changes import Fingerprint
    from runyard.data.spec import DataSpec
    from runyard.record.layout import RunDirectory, WorkspaceDirectory

COMPARED_FILES = 20_000
"""Remote inputs with more files are not listed again: 20 requests, one or two seconds."""


def since(
    run: RunDirectory, specs: Iterable[DataSpec | DatasetSpec], directory: WorkspaceDirectory
) -> list[str]:
    """Which inputs of a run are not what it read any more, one sentence each.

    ``specs``: its data now. What cannot be compared is said as well: a large remote input.
    """
    known = {item["name"]: item for item in fingerprints.read(run)}
    found = []
    for spec in specs:
        before = known.get(spec.name)
        if before is not None:
            found.append(_since(run.id, before, spec, directory))
    return [text for text in found if text]


def _since(
    run_id: str, before: Fingerprint, spec: DataSpec | DatasetSpec, directory: WorkspaceDirectory
) -> str:
    name = input_changes.called(before)
    unknown = f"whether input {name!r} is still what run {run_id} read is not known: "
    if (before["files"] or 0) > COMPARED_FILES:
        return f"{unknown}it has {before['files']} files, too many to list again"
    try:
        after = fingerprints.fingerprint(_now(spec, directory))
    except (RunyardError, OSError) as error:
        return f"{unknown}{error}"
    found = input_changes.change(name, before, after)
    if found is None:
        return ""
    return f"input {name!r} ({input_changes.place(after)}) is not what run {run_id} read: {found}"


def _now(spec: DataSpec | DatasetSpec, directory: WorkspaceDirectory) -> Input:
    """An input as the runner would find it now."""
    if isinstance(spec, DatasetSpec):
        return _dataset(spec, directory)
    made = Input(spec.name, "reference", spec.mode, spec.source, spec.datastore, spec.path)
    if not freezing.is_remote(spec.source):
        return made
    store = registry.store_of(directory, spec.datastore)
    entries = list(itertools.islice(store.entries(spec.path), COMPARED_FILES + 1))
    head = len(spec.path) + 1 if spec.path else 0
    if len(entries) == 1 and entries[0].path == spec.path:
        head = spec.path.rfind("/") + 1
    return made._replace(entries=[entry._replace(path=entry.path[head:]) for entry in entries])


def _dataset(spec: DatasetSpec, directory: WorkspaceDirectory) -> Input:
    from runyard.data.datasets import sources

    made = Input(
        spec.name, "dataset", spec.mode, "", None, "", (), spec.dataset, spec.version, spec.id
    )
    folder = None
    if spec.mode != "download":
        folder = sources.folder(spec.definition, directory)
    if folder is not None:
        return made._replace(source=folder, entries=None)
    if any("query" in source for source in spec.definition["sources"]):
        return made
    found = sources.resolve(spec.definition, directory)
    whole = spec.mode == "direct" or not sources.single_file(spec.definition, found)
    names = [file.relative if whole else file.relative.rpartition("/")[2] for file in found]
    return made._replace(
        entries=[file.entry._replace(path=name) for file, name in zip(found, names, strict=True)]
    )
