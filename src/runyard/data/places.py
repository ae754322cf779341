"""Where a run's script sees its data, and what that takes. Plans only; `staging` carries it out.

The runner reads it before the script starts: standard library only.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.data.stores.store import Entry
    from runyard.record.layout import RunDirectory

    Shown = tuple[str, str, bool]
    """What a container must be shown: a path here, the path there, and whether only to read."""


VARIABLE = "AZUREML_DATAREFERENCE_"
_INPUTS = "AZUREML_DATASET_ENVIRONMENT_VARS"
_OUTPUTS = "AZUREML_DATASET_FILE_OUTPUTS"
_KEPT = frozenset(
    (
        *("HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PWD", "PYTHONHOME", "PYTHONPATH"),
        *("PYTHONUNBUFFERED", "SHELL", "TMPDIR", "USER"),
    )
)
_WORDS = {
    "mount": "mount of",
    "download": "copy of",
    "upload": "uploaded to",
    "direct": "files of",
    "output": "folder for",
}


class Place:
    """One input or output of one run.

    ``kind``: 'reference', 'dataset' or 'output'. ``source``: where it lies, a path of this machine
    or a URL; '' of a dataset that is not one folder of this machine. ``file_name``: of the one file
    that it is, '' where it is a folder. ``seen``: the text the script is given, its path, or the id
    of a dataset it reads directly. ``here``: the same file or folder as this machine names it; it
    differs in a container. ``mounts``: what a container must be shown. ``contained``: the script
    is in one. ``entries``: the files of an input, by their paths below it; None where nobody has
    listed them. ``size_bytes``: of them all, None where that is not known. ``kept``: files of the
    same names that were there before and stayed: the script reads these. ``is_fuse``: its folder is
    shown by FUSE. ``item``: what the spec says of it.
    """

    __slots__ = (
        "contained",
        "entries",
        "file_name",
        "files",
        "here",
        "is_fuse",
        "item",
        "kept",
        "kind",
        "mounts",
        "seen",
        "size_bytes",
        "source",
    )

    def __init__(self, kind: str, item: Mapping[str, Any], source: str, contained: bool) -> None:
        self.kind = kind
        self.item = item
        self.source = source
        self.contained = contained
        is_file = "://" not in source and os.path.isfile(source)
        self.file_name = os.path.basename(source) if is_file else ""
        self.is_fuse = False
        self.seen = self.here = source
        self.mounts: list[Shown] = []
        self.entries: list[Entry] | None = None
        self.files: int | None = None
        self.size_bytes: int | None = None
        self.kept: list[str] = []

    @property
    def name(self) -> str:
        """Of the input or output; unique in a run."""
        return str(self.item["name"])

    @property
    def mode(self) -> str:
        """'mount', 'download', 'upload' or 'direct'."""
        return str(self.item["mode"])

    @property
    def datastore(self) -> str:
        """'' of a dataset, which may lie on several."""
        return str(self.item.get("datastore") or "")

    @property
    def path(self) -> str:
        """On the datastore."""
        return str(self.item.get("path") or "")

    @property
    def overwrite(self) -> bool:
        """Whether what is there already is replaced."""
        return bool(self.item.get("overwrite"))

    @property
    def id(self) -> str | None:
        """Of the dataset; None of anything else."""
        return self.item.get("id")

    @property
    def dataset(self) -> str | None:
        """The name it is registered under, if it is."""
        return self.item.get("dataset")

    @property
    def version(self) -> int | None:
        """Of the registered dataset."""
        return self.item.get("version")

    @property
    def definition(self) -> dict[str, Any] | None:
        """Of a dataset, and of an output that is more than plain files."""
        return self.item.get("definition")

    @property
    def is_remote(self) -> bool:
        """Whether it lies on storage that is no folder of this machine."""
        return "://" in self.source

    @property
    def is_itself(self) -> bool:
        """Whether the script is to see the very file or folder, not a copy."""
        return self.mode == "mount" and bool(self.source) and not self.is_remote

    @property
    def is_upload(self) -> bool:
        """Whether the script gets an empty folder whose files are stored at the end."""
        return self.mode == "upload" or (self.kind == "output" and not self.is_itself)

    @property
    def is_input(self) -> bool:
        """Whether the script reads it."""
        return self.kind != "output" and self.mode != "upload"

    @property
    def of(self) -> str:
        """What it is a mount or a copy of, for messages."""
        if self.kind == "dataset":
            version = f" version {self.version}" if self.version else ""
            return f"dataset {self.dataset or self._sources() or self.id}{version}"
        return f"{self.datastore}:{self.path}" if self.path else self.datastore

    def _sources(self) -> str:
        """Where a dataset that is not registered lies, as the command line shows it."""
        sources = (self.definition or {}).get("sources") or ()
        return " and ".join(
            source.get("url")
            or f"{source['datastore']}:{source.get('path', source.get('query', ''))}"
            for source in sources
        )

    @property
    def called(self) -> str:
        """How messages name it."""
        words = {"reference": "data reference", "dataset": "dataset input", "output": "output"}
        return f"{words[self.kind]} {self.name!r}"

    def __str__(self) -> str:
        word = _WORDS["output" if self.kind == "output" else self.mode]
        if self.size_bytes is None:
            return f"{self.name}: {self.seen} ({word} {self.of})"
        from runyard.data import room

        files = "1 file" if self.files == 1 else f"{self.files} files"
        about = f"{word} {self.of}, {files}, {room.in_bytes(self.size_bytes)}"
        if self.kept:
            count, names = len(self.kept), _shortened(self.kept)
            about += f"; {count} of them, there before and not the same, stayed: {names}"
        return f"{self.name}: {self.seen} ({about})"

    def listed(self, entries: list[Entry]) -> None:
        """Take note of what its files are."""
        self.entries = entries
        self.files = len(entries)
        self.size_bytes = sum(entry.size_bytes for entry in entries)


def _shortened(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def places(run: RunDirectory, spec: Mapping[str, Any]) -> list[Place]:
    """The place of all that a run reads and leaves; looks whether local sources are files.

    Whether a remote source is a file, and where a dataset lies, is found out by staging, which
    plans those again.
    """
    contained = spec.get("container") is not None
    found = [Place("reference", item, item["source"], contained) for item in spec.get("data") or ()]
    found += [Place("dataset", item, "", contained) for item in spec.get("datasets") or ()]
    for item in (of_run(output, run.id) for output in spec.get("outputs") or ()):
        source = f"{item['root'].rstrip('/')}/{item['path']}" if item["path"] else item["root"]
        found.append(Place("output", item, source, contained))
    for place in found:
        plan(run, place)
    return found


def of_run(output: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """An output whose path has the run's id and its own name in place of the marks (spec 15.3)."""
    path = str(output["path"]).replace("{run-id}", run_id).replace("{output-name}", output["name"])
    return {**output, "path": path}


def plan(run: RunDirectory, place: Place) -> None:
    """Set ``seen``, ``here`` and ``mounts`` by source, mode and path_on_compute."""
    place.mounts = []
    wanted = place.item.get("path_on_compute")
    own = run.join("data", place.name)
    if place.mode == "direct":
        place.seen, place.here = str(place.id), own
    elif wanted is None and place.is_itself:
        place.seen = place.here = place.source
        _show(place, run)
    elif wanted is None:
        place.seen = place.here = _of_file(own, place, into=True)
    else:
        into = wanted.endswith(os.sep) or place.kind == "dataset"
        _at(run, place, _of_file(wanted, place, into=into), _of_file(own, place, into=True))
    if place.kind == "dataset" and place.contained and not place.mounts and place.mode == "mount":
        folder = os.path.dirname(place.here) if place.file_name else place.here
        _shown(place, folder, folder)


def _at(run: RunDirectory, place: Place, seen: str, own: str) -> None:
    """Put it where the user wants it; ``own``: where it lies when that is in a container."""
    if not os.path.isabs(seen):
        place.seen = place.here = os.path.normpath(os.path.join(run.work, seen))
        if place.is_itself:
            _show(place, run)
        return
    place.seen = place.here = seen
    if place.contained:
        # Nobody on this machine has to have a folder of that name for the container to have one.
        place.here = place.source if place.is_itself else own
        _shown(place, place.here, seen)


def _of_file(path: str, place: Place, into: bool) -> str:
    """``path``, or what is in it when it is a folder for a file."""
    path = path.rstrip(os.sep) or os.sep
    if into and place.file_name and place.is_input:
        return os.path.join(path, place.file_name)
    return path


def _show(place: Place, run: RunDirectory) -> None:
    """A container sees the workspace, and what else is mounted must be shown to it."""
    inside = os.path.join(run.workspace.path, "")
    if not place.source.startswith(inside) or place.kind == "dataset":
        _shown(place, place.source, place.source)


def _shown(place: Place, here: str, there: str) -> None:
    if place.contained:
        place.mounts.append((here, there, place.kind == "dataset" and place.mode == "mount"))


def variables(found: Sequence[Place]) -> dict[str, str]:
    """The variables by which the script, and its arguments, find the data (spec 9.7)."""
    given = {VARIABLE + place.name: place.seen for place in found}
    datasets = [place for place in found if place.kind == "dataset"]
    outputs = [place for place in found if place.kind == "output"]
    for place in (*datasets, *outputs):
        if not is_kept(place.name):
            given[place.name] = place.seen
    if datasets:
        given[_INPUTS] = ",".join(f"{place.name}:{place.mode}" for place in datasets)
    if outputs:
        given[_OUTPUTS] = ";".join(place.name for place in outputs)
    return given


def of_another_run(inherited: Mapping[str, str]) -> set[str]:
    """The variables of the data of the run that submits this one, which has data of its own."""
    inputs = (part.rpartition(":")[0] for part in inherited.get(_INPUTS, "").split(","))
    names = {*inputs, *inherited.get(_OUTPUTS, "").split(";")}
    found = {name for name in names if name and not is_kept(name)}
    return {_INPUTS, _OUTPUTS, *found, *(name for name in inherited if name.startswith(VARIABLE))}


def is_kept(name: str) -> bool:
    """Whether a variable is needed by the script's process, so that no dataset of that name
    takes its place."""
    return name in _KEPT or name.startswith(("AZUREML_", "RUNYARD_"))


def mounts(found: Sequence[Place]) -> list[Shown]:
    """What a container must be shown, each place once; what one may write to all may."""
    every = [shown for place in found for shown in place.mounts]
    return list({shown[1]: shown for shown in sorted(every, key=lambda s: not s[2])}.values())
