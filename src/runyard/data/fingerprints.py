"""What a run has really read: ``inputs.json``, written once, before its script starts.

Two runs whose fingerprints are equal have read the same data; `comparison` says what differs. The
runner imports it: standard library only.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
from collections import namedtuple

from runyard.data.stores.store import Entry
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, NamedTuple

    from runyard.record.layout import RunDirectory

    class _Fields(NamedTuple):
        name: str
        kind: str
        mode: str
        source: str
        datastore: str | None = None
        path: str = ""
        entries: Sequence[Entry] | None = None
        dataset: str | None = None
        version: int | None = None
        id: str | None = None

else:  # importing typing takes 4 ms before the first line of a script
    _Fields = namedtuple(
        "_Fields",
        "name kind mode source datastore path entries dataset version id",
        defaults=(None, "", None, None, None, None),
    )

FORMAT = 1
"""Version of inputs.json."""

NAMED_FILES = 1000
"""So many files of an input are named in inputs.json; of more there is only the digest of all."""

MOUNTED_FILES = 1000
"""A mounted folder of this machine with more files and folders in it is not looked into.

The names are counted first (0.5 ms for 1,000), so that a large one costs less than a small one,
whose files are looked at as well (2.5 ms for 1,000).
"""

HASHED_BYTES = 16 << 20
"""A single file of this machine is known by its content up to this size: 9 ms with sha256."""


_LITTLE_BYTES = 1 << 20


class Input(_Fields):
    """One input of a run, as it was brought to its place.

    ``kind``: 'reference' or 'dataset'. ``mode``: as in its spec. ``source``: an absolute path of
    this machine, or a URL without secrets. ``datastore``, ``path``: None and '' where it is of
    several. ``entries``: its files, with paths relative to the input, as the script sees them;
    None: ``source`` is a path of this machine, which is looked at here. ``dataset``, ``version``,
    ``id``: of a dataset.
    """

    __slots__ = ()


def record(run: RunDirectory, inputs: Iterable[Input]) -> None:
    """Write what the run reads to its inputs.json. Raises OSError."""
    found = [fingerprint(item) for item in inputs]
    jsonl.write_once(run.inputs_json, {"format": FORMAT, "inputs": found}, sync=False)


def read(run: RunDirectory) -> list[dict[str, Any]]:
    """The fingerprints of a run; [] where it had no data, or has not come so far."""
    try:
        found = jsonl.read_json(run.inputs_json).get("inputs")
    except (OSError, ValueError):
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def fingerprint(item: Input) -> dict[str, Any]:
    """One input of inputs.json.

    What the ``Input`` says, and ``files``, ``size_bytes``: None where not counted; ``digest``:
    ``sha256:…`` over path, size and etag of every file, None for what is not there; ``shallow``:
    the digest is only of the folder itself, whose time of change says that names in it have come
    or gone; ``entries``: [path, size, etag] of each file, None where there are too many.
    """
    entries = item.entries
    if entries is None:
        entries = of_this_machine(item.source, item.mode)
    about = {key: value for key, value in item._asdict().items() if key != "entries"}
    if entries is None:
        return {**about, **_shallow(item.source)}
    found = sorted(entries)
    return {
        **about,
        "files": len(found),
        "size_bytes": sum(entry.size_bytes for entry in found),
        "digest": _digest(found) if found else None,
        "shallow": False,
        "entries": [list(entry) for entry in found] if len(found) <= NAMED_FILES else None,
    }


def _shallow(folder: str) -> dict[str, Any]:
    about = os.stat(folder)
    text = f"{about.st_dev} {about.st_ino} {about.st_mtime_ns}"
    return {
        "files": None,
        "size_bytes": None,
        "digest": f"sha256:{_sha256(text.encode()).hexdigest()}",
        "shallow": True,
        "entries": None,
    }


def _digest(entries: Iterable[Entry]) -> str:
    lines = (f"{path}\0{size_bytes}\0{etag}\n" for path, size_bytes, etag in entries)
    digest = _sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape"))
    return f"sha256:{digest.hexdigest()}"


def of_this_machine(source: str, mode: str) -> list[Entry] | None:
    """The files at a path; None for a mounted folder with too many to look at."""
    if os.path.isdir(source):
        most = MOUNTED_FILES if mode in {"mount", "direct"} else None
        return _of_folder(source, most)
    return [_of_file(source)] if os.path.lexists(source) else []


def _of_file(path: str) -> Entry:
    entry = _entry(path, os.path.basename(path))
    if entry.size_bytes > HASHED_BYTES or not os.path.isfile(path):
        return entry
    with open(path, "rb") as stream:
        digest = _sha256(stream.read(HASHED_BYTES + 1)).hexdigest()
    return entry._replace(etag=f"sha256:{digest}")


def _of_folder(top: str, most: int | None) -> list[Entry] | None:
    found = list(itertools.islice(_below(top), None if most is None else most + 1))
    if most is not None and len(found) > most:
        return None
    return [_entry(os.path.join(top, name), name) for name, is_folder in found if not is_folder]


def _below(top: str) -> Iterator[tuple[str, bool]]:
    """The paths of all that is below a folder, and whether it is one; no file is looked at."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            inside = os.scandir(os.path.join(top, folder))
        except OSError:  # the script may not read it either
            continue
        with inside:
            for item in inside:
                path = os.path.join(folder, item.name)
                is_folder = item.is_dir(follow_symlinks=False)
                if is_folder:
                    waiting.append(path)
                yield path, is_folder


def _entry(path: str, name: str) -> Entry:
    try:
        about = os.stat(path)
    except OSError:  # a link to nothing, or gone in this moment
        return Entry(name, 0, "gone")
    return Entry(name, about.st_size, f"{about.st_size}-{about.st_mtime_ns}")


def _sha256(content: bytes = b"") -> Any:
    """``hashlib.sha256`` without OpenSSL where there is little to do: that takes 5 ms to load."""
    if len(content) < _LITTLE_BYTES:
        with contextlib.suppress(ImportError):
            own = importlib.import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256")
            return own.sha256(content)
    import hashlib

    return hashlib.sha256(content)
