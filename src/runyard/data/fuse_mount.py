"""A remote datastore shown as a folder by FUSE: nothing is fetched before a script reads it.

Only for datastores registered with ``mount="fuse"``. The folder is read-only and has the files that
were there when the run began. `wanted` and `list_for` run in the child that stages; `serve` is a
process of its own that lives as long as the script.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections import OrderedDict

from runyard.data import registry
from runyard.data.stores.store import Entry, Store
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from runyard.data.fetching import Wanted
    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory

BLOCK_BYTES = 1 << 20
"""So much is fetched at once of a file that is read."""
_KEPT_BLOCKS = 64
_SOURCE = "runyard-fuse-"
"""What the names of our mounts begin with in the table of mounts."""
_PROGRAMS = ("fusermount3", "fusermount")


def obstacle(store: Store | None = None) -> str:
    """Why nothing, or nothing of a store, can be mounted by FUSE here; '' where it can."""
    if store is not None and type(store).read is Store.read:
        return "its kind of storage is not read in parts"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not here, or not for this user"
    if not any(map(shutil.which, _PROGRAMS)):
        return "the program fusermount3 is not here (package fuse3)"
    if importlib.util.find_spec("mfusepy") is None:
        return "the package mfusepy is not here (pip install 'runyard[fuse]')"
    return ""


def wanted(run: RunDirectory, place: Place, datastores: Iterable[str]) -> str | None:
    """The one datastore of a place when that asks for FUSE; None otherwise."""
    names = set(datastores)
    if place.mode != "mount" or place.file_name or len(names) != 1:
        return None
    (name,) = names
    return name if registry.record(run.workspace, name).get("mount") == "fuse" else None


def list_for(run: RunDirectory, place: Place, datastore: str, files: Sequence[Wanted]) -> None:
    """Write down what `serve` is to show, and make the folder it shows it at."""
    os.makedirs(place.here, exist_ok=True)
    os.makedirs(os.path.dirname(_file(run, place)), exist_ok=True)
    entries = [[relative, *entry] for _, entry, relative in files]
    content = {"datastore": datastore, "entries": entries}
    jsonl.write_once(_file(run, place), content, sync=False)
    place.is_fuse = True


def serve(run: RunDirectory, place: Place) -> None:
    """Show the files until this process is told to end; the runner may be another one by then."""
    import mfusepy

    content = jsonl.read_json(_file(run, place))
    store = registry.store_of(run.workspace, content["datastore"])
    entries = {relative: Entry(*entry) for relative, *entry in content["entries"]}
    mfusepy.FUSE(
        _operations(mfusepy.Operations, Files(store, entries)),
        place.here,
        foreground=True,
        ro=True,
        # No auto_unmount: when this process is killed, the script is to meet errors from then on,
        # not the empty folder below. The runner, or `unmount_left`, takes it away.
        fsname=f"{_of(run)}{place.name}",
    )


def is_mounted(place: Place) -> bool:
    """Whether the files are there to see."""
    return os.path.ismount(place.here)


def unmount(run: RunDirectory, place: Place) -> None:
    """Take the folder away, whoever has still something open in it."""
    if place.here in mount_points(run):
        _take_away(place.here)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_file(run, place))
    with contextlib.suppress(OSError):
        os.rmdir(place.here)


def unmount_left(run: RunDirectory) -> None:
    """Take away what a run has left whose processes were all killed."""
    for point in mount_points(run):
        _take_away(point)


def _take_away(point: str) -> None:
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is not None:
        subprocess.run([program, "-u", "-z", point], capture_output=True, check=False, timeout=10)


def mount_points(run: RunDirectory) -> list[str]:
    """Where FUSE shows something to a run now; also what no process serves any more."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
        found = [line.split(" ") for line in stream]
    letters = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))
    points = [fields[1] for fields in found if fields[0].startswith(_of(run))]
    for text, letter in letters:
        points = [point.replace(text, letter) for point in points]
    return points


def _of(run: RunDirectory) -> str:
    return f"{_SOURCE}{run.id}."


def _file(run: RunDirectory, place: Place) -> str:
    return run.join("data", ".placed", f"{place.name}.fuse.json")


class Files:
    """A tree of files that are fetched in blocks, of which the last ones read are kept."""

    def __init__(self, store: Store, entries: dict[str, Entry]) -> None:
        self._store = store
        self._entries = entries
        self._folders: dict[str, set[str]] = {"": set()}
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._seconds = time.time_ns()
        for path in entries:
            while path:
                path, _, name = path.rpartition("/")  # noqa: PLW2901
                self._folders.setdefault(path, set()).add(name)

    def attributes(self, path: str) -> dict[str, int]:
        """As stat(2) gives them. Raises FileNotFoundError."""
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._seconds)
        own = {"st_uid": os.getuid(), "st_gid": os.getgid(), **times}
        if path in self._folders:
            return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, **own}
        size = self._entry(path).size_bytes
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": size, **own}

    def names(self, path: str) -> list[str]:
        """What is in a folder. Raises FileNotFoundError."""
        if path not in self._folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return sorted(self._folders[path])

    def read(self, path: str, size_bytes: int, offset: int) -> bytes:
        """A part of a file. Raises OSError when it cannot be fetched."""
        entry = self._entry(path)
        end = min(offset + size_bytes, entry.size_bytes)
        first = offset - offset % BLOCK_BYTES
        content = b"".join(self._block(entry, at) for at in range(first, end, BLOCK_BYTES))
        return content[offset - first : max(end - first, 0)]

    def _block(self, entry: Entry, begin: int) -> bytes:
        key = (entry.path, begin)
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        try:
            content = self._store.read(entry, begin, BLOCK_BYTES)
        except Exception as error:
            print(f"{entry.path}: {error}", file=sys.stderr, flush=True)
            raise OSError(errno.EIO, os.strerror(errno.EIO), entry.path) from error
        with self._lock:
            self._blocks[key] = content
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return content

    def _entry(self, path: str) -> Entry:
        try:
            return self._entries[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None


def _operations(base: Any, files: Files) -> Any:
    """``Files`` as libfuse asks for them; ``base``: the package may be missing."""

    class Operations(base):  # type: ignore[misc]
        use_ns = True

        def getattr(self, path: str, fh: Any = None) -> dict[str, int]:
            return files.attributes(path.strip("/"))

        def readdir(self, path: str, fh: Any) -> list[str]:
            return [".", "..", *files.names(path.strip("/"))]

        def open(self, path: str, flags: int) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            return 0

        def read(self, path: str, size: int, offset: int, fh: Any) -> bytes:
            return files.read(path.strip("/"), size, offset)

    return Operations()
