"""Datasets of a run: their files where the script sees them, and what they are, in JSON.

``<run>/datasets/<input name>.json`` is what a script's Dataset reads of, in any mode: the keys of
the spec (definition, id, name, dataset, version, mode), ``seen``, the text the script is given,
and ``files``, each with ``path`` as the dataset shows it, ``local``, ``size_bytes``, ``modified_s``
(null where its storage does not say) and ``values`` (columns that its path gives). Where the
dataset is one folder of this machine, ``files`` is null and ``folder`` names it: a mount of many
files costs nothing.
"""

from __future__ import annotations

import os

from runyard.data import fetching, staging, views
from runyard.data.places import plan
from runyard.data.stores.local import LocalStore
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.data.datasets.sources import SourceFile
    from runyard.data.places import Place
    from runyard.data.staging import Say
    from runyard.record.layout import RunDirectory


def stage(run: RunDirectory, place: Place, say: Say) -> None:
    """Bring a dataset. Raises StagingError, OSError, and what stores raise."""
    from runyard.data.datasets import sources

    definition = place.definition or {}
    folder = None
    if place.mode != "download":
        folder = sources.folder(definition, run.workspace)
    if folder is not None:
        _whole_folder(run, place, folder, say)
        return
    asks = any("query" in source for source in definition.get("sources") or ())
    found = [] if asks else sources.resolve(definition, run.workspace)
    if not found and place.mode != "direct":
        raise staging.StagingError(
            f"{place.called}: {place.of} has no files; look at its paths with its to_path(), and "
            "submit the run again when they are there"
        )
    if place.mode != "direct" and sources.single_file(definition, found):
        _single_file(run, place, found[0], say)
    else:
        wanted = [(file.store, file.entry, file.relative) for file in found]
        if place.mode == "direct":
            _direct(run, place, found, say)
        else:
            datastores = [str(file.source.get("datastore")) for file in found]
            fetching.bring(run, place, wanted, say, datastores=datastores)
    _show_links(run, place, found)
    _write(run, place, files=[_described(run, place, file) for file in found])


def _whole_folder(run: RunDirectory, place: Place, folder: str, say: Say) -> None:
    place.source = folder
    plan(run, place)
    if place.mode == "mount":
        staging.mount(run, place, say)
        seen = place.seen
    else:
        _show(run, place, folder)
        seen = folder
    _write(run, place, files=None, folder=seen)


def _single_file(run: RunDirectory, place: Place, file: SourceFile, say: Say) -> None:
    """The script's path is the file, not the folder it lies in (spec 15.3)."""
    place.file_name = os.path.basename(file.relative)
    if isinstance(file.store, LocalStore) and place.mode == "mount":
        place.source = file.store.local_path(file.entry.path)
        plan(run, place)
        staging.mount(run, place, say)
        place.listed([file.entry._replace(path=place.file_name)])
        return
    plan(run, place)
    fetching.bring(run, place, [(file.store, file.entry, "")], say)


def _direct(run: RunDirectory, place: Place, found: list[SourceFile], say: Say) -> None:
    """Files of this machine are read where they lie, others from links to the cache."""
    remote = [file for file in found if not isinstance(file.store, LocalStore)]
    if remote:
        wanted = [(file.store, file.entry, file.relative) for file in remote]
        fetching.bring(run, place, wanted, say)
    place.listed([file.entry._replace(path=file.relative) for file in found])


def _described(run: RunDirectory, place: Place, file: SourceFile) -> dict[str, Any]:
    if place.mode == "direct" and isinstance(file.store, LocalStore):
        local = file.store.local_path(file.entry.path)
    elif place.mode == "direct":
        local = views.at(place, file.relative)
    elif place.file_name:
        local = place.seen
    else:
        local = os.path.join(place.seen, *file.relative.split("/"))
    return {
        "path": file.relative,
        "local": local,
        "size_bytes": file.entry.size_bytes,
        "modified_s": file.store.modified_s(file.entry),
        "values": file.values,
    }


def _write(run: RunDirectory, place: Place, **more: Any) -> None:
    keys = ("definition", "id", "name", "dataset", "version", "mode")
    os.makedirs(run.datasets, exist_ok=True)
    about = {key: place.item.get(key) for key in keys}
    jsonl.write_once(
        os.path.join(run.datasets, f"{place.name}.json"), {**about, "seen": place.seen, **more}
    )


def _show_links(run: RunDirectory, place: Place, found: list[SourceFile]) -> None:
    """A container must be shown the folders that links of a view lead to."""
    if place.mode == "download" or place.source:
        return
    for folder in {file.store.local_path() for file in found if isinstance(file.store, LocalStore)}:
        _show(run, place, folder)


def _show(run: RunDirectory, place: Place, folder: str) -> None:
    inside = os.path.join(run.workspace.path, "")
    if place.contained and not folder.startswith(inside):
        place.mounts.append((folder, folder, True))
