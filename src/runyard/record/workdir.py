"""A run's working copy of its snapshot: laid out before the script starts, tidied after it ends.

The runner does both on the way to the script's first line, so: standard library only, Python 3.6
and later, and nothing imported before it is needed. Paths go through the system calls as bytes,
because names need not be UTF-8 and an old interpreter under ``LANG=C`` cannot encode others.
"""

import os
import stat

from runyard.record import early_json, regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Sequence, Tuple

MANIFEST_FORMAT = 1
_EPOCH_S = 1000000000  # 2001-09-09: any past moment does
_SPAN_S = 500000000
_SMALL_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20


def materialise(
    manifest_path: str, blobs_dir: str, destination: str, missing_only: bool = False
) -> None:
    """Copy a snapshot into ``destination``, an existing folder without any of its files.

    ``missing_only``: what is there already stays as it is.

    Every file is a copy of its own (shared blocks where the file system can clone), so whatever
    the script does to it never reaches the store. Modes are as in the source, and writable for
    the owner. Raises `runyard.errors.SnapshotException` for an unknown manifest format or a blob
    that is missing or damaged, FileExistsError for a file already there.
    """
    copier = _Copier(_raw(blobs_dir))
    target = _raw(destination)
    moment_s = _moment_s(manifest_path)
    folders = {target}
    for entry in read_manifest(manifest_path):
        path = os.path.join(target, _raw(entry[0]))
        if missing_only and os.path.lexists(path):
            continue
        _make_folder(os.path.dirname(path), folders)
        if entry[1] == "f" and missing_only:
            _copy_whole(copier, entry, path, _mtime_ns(moment_s, entry[3]))
        elif entry[1] == "f":
            copier.copy(entry, path, _mtime_ns(moment_s, entry[3]))
        elif entry[1] == "l":
            os.symlink(_raw(entry[3]), path)
        else:
            _make_folder(path, folders)
            os.chmod(path, entry[2] | stat.S_IRWXU)


def _copy_whole(
    copier: "_Copier", entry: "Tuple[str, str, int, str, int]", path: bytes, mtime_ns: int
) -> None:
    """There whole, or not at all: who comes after us takes what is there for the script's."""
    begun = path + b".runyard-begun"
    if os.path.lexists(begun):
        os.unlink(begun)
    copier.copy(entry, begun, mtime_ns)
    os.rename(begun, path)


def remove_unchanged(
    manifest_path: str,
    blobs_dir: str,
    destination: str,
    keep: "Sequence[str]" = ("outputs", "logs"),
) -> None:
    """Delete from ``destination`` what is still exactly as the snapshot has it.

    Files with other bytes, files the snapshot does not know and everything below the top-level
    folders named in ``keep`` stay; so does what lies behind a folder that was replaced by a
    symlink. Folders of the snapshot go when nothing is left in them.
    """
    folders = _Folders(_raw(destination))
    for path, _ in _unchanged_below(folders, manifest_path, blobs_dir, keep):
        try:
            os.unlink(path)
        except OSError:
            pass  # the script closed its folder: the copy stays, nothing is lost
    folders.remove_empty()


def unchanged(
    manifest_path: str,
    blobs_dir: str,
    destination: str,
    keep: "Sequence[str]" = ("outputs", "logs"),
) -> "Iterator[Tuple[bytes, int]]":
    """Path and bytes of each file and link that `remove_unchanged` would delete."""
    return _unchanged_below(_Folders(_raw(destination)), manifest_path, blobs_dir, keep)


def _unchanged_below(
    folders: "_Folders", manifest_path: str, blobs_dir: str, keep: "Sequence[str]"
) -> "Iterator[Tuple[bytes, int]]":
    moment_s = _moment_s(manifest_path)
    kept = {_raw(name) for name in keep}
    for name, kind, _, blob, size in read_manifest(manifest_path):
        relative = _raw(name)
        if relative.split(b"/", 1)[0] in kept or not folders.real(os.path.dirname(relative)):
            continue
        path = os.path.join(folders.root, relative)
        if kind == "d":
            folders.real(relative)
        elif kind == "l" and _same_link(path, blob):
            yield path, 0
        elif kind == "f" and _unchanged(path, size, _mtime_ns(moment_s, blob), blobs_dir, blob):
            yield path, size


def read_manifest(manifest_path: str) -> "List[Tuple[str, str, int, str, int]]":
    """The entries ``[path, kind, mode, blob, size]`` of a snapshot, sorted by path.

    Kind is 'f' file, 'l' symlink (``blob`` is its target) or 'd' empty folder. Raises
    `runyard.errors.SnapshotException` for a format this release does not know, and for an entry
    that leads out of the folder it is laid out in: a workspace may come from anywhere. The same for
    one that is damaged; OSError where there is none.
    """
    with regular.open_to_read(manifest_path) as stream:
        content = stream.read()
    try:
        manifest = early_json.loads(content.decode("ascii"))
        if not isinstance(manifest, dict):
            raise ValueError("it does not hold a JSON object")
    except ValueError as error:
        raise _problem(
            "The list of files of a snapshot, {}, is damaged: {}. Put a copy of it back, or submit "
            "the source folder again.",
            manifest_path,
            error,
        )
    if manifest.get("format") != MANIFEST_FORMAT:
        raise _problem(
            "Snapshot manifest {} has format {!r}; this release of runyard reads format {}. "
            "Upgrade runyard.",
            manifest_path,
            manifest.get("format"),
            MANIFEST_FORMAT,
        )
    entries = [tuple(entry) for entry in manifest["entries"]]
    _refuse_strange(manifest_path, entries)
    return entries


_HEX_DIGITS = "0123456789abcdef"
_BLOB_CHARS = 64


def _refuse_strange(
    manifest_path: str, entries: "Sequence[Tuple[str, str, int, str, int]]"
) -> None:
    links = {entry[0] for entry in entries if entry[1] == "l"}
    for name, kind, mode, blob, _ in entries:
        within = "/" + name + "/"
        strange = (
            "//" in within
            or "/../" in within
            or "/./" in within
            or "\0" in name
            or (kind == "f" and (len(blob) != _BLOB_CHARS or bool(blob.strip(_HEX_DIGITS))))
            or mode & ~0o777
            or (links and _is_behind(name, kind, links))
        )
        if strange:
            raise _problem(
                "Snapshot manifest {} is not one that runyard has written: its entry {!r} is "
                "refused. Nothing was written; take a new snapshot by submitting again.",
                manifest_path,
                (name, kind, oct(mode), blob),
            )


def _is_behind(name: str, kind: str, links: "set[str]") -> bool:
    """Whether a link of the snapshot would lead elsewhere what is written under that name."""
    if kind != "l" and name in links:
        return True
    above = name.rpartition("/")[0]
    while above:
        if above in links:
            return True
        above = above.rpartition("/")[0]
    return False


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_STORE_ANEW = "runyard verify --repair, then submit its source folder again."


def _problem(text: str, *values: object) -> Exception:
    from runyard.errors import SnapshotException

    return SnapshotException(text.format(*values))


def _moment_s(manifest_path: str) -> int:
    """The second all files of one snapshot carry.

    It differs between snapshots: an interpreter that keeps compiled files by path, size and
    second (PYTHONPYCACHEPREFIX) must not take those of an earlier snapshot.
    """
    name = os.path.basename(manifest_path)
    try:
        return _EPOCH_S + int(name[:8], 16) % _SPAN_S
    except ValueError:
        return _EPOCH_S


def _mtime_ns(moment_s: int, blob: str) -> int:
    """When an untouched copy of this blob was 'modified'.

    The fraction comes from the content, so that ``cp -p`` from another file of the snapshot is
    seen as the change it is.
    """
    return moment_s * 1000000000 + int(blob[:7], 16)


def _make_folder(path: bytes, known: "set[bytes]") -> None:
    if path in known:
        return
    _make_folder(os.path.dirname(path), known)
    try:
        os.mkdir(path)
    except FileExistsError:
        pass  # ./outputs and ./logs of a run may be there, leading elsewhere
    known.add(path)


def blob_path(blobs_dir: bytes, blob: str) -> bytes:
    """Where the content of that hash lies."""
    return os.path.join(blobs_dir, blob[:2].encode("ascii"), blob.encode("ascii"))


class _Copier:
    """Copies blobs out by the cheapest way that works here; a way that fails is not tried again."""

    def __init__(self, blobs_dir: bytes) -> None:
        self._blobs_dir = blobs_dir
        self._ways: "List[Callable[[int, int, int], None]]" = [_clone, _copy_range, _send_file]

    def copy(self, entry: "Tuple[str, str, int, str, int]", path: bytes, mtime_ns: int) -> None:
        name, _, mode, blob, size = entry
        source = self._open(name, blob, size)
        try:
            target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                self._fill(source, target, size)
                os.fchmod(target, mode | stat.S_IWUSR)
                os.utime(target, ns=(mtime_ns, mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _open(self, name: str, blob: str, size: int) -> int:
        path = blob_path(self._blobs_dir, blob)
        try:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _problem(
                "The snapshot store has lost the content of {!r}: no {!r}. " + _STORE_ANEW,
                name,
                os.fsdecode(path),
            )
        if os.fstat(source).st_size == size:
            return source
        os.close(source)
        raise _problem(
            "The snapshot store holds damaged content of {!r}: {!r} should have {} bytes. "
            + _STORE_ANEW,
            name,
            os.fsdecode(path),
            size,
        )

    def _fill(self, source: int, target: int, size: int) -> None:
        while size > _SMALL_BYTES and self._ways:
            try:
                return self._ways[0](source, target, size)
            except (AttributeError, OSError) as error:
                if _is_serious(error):
                    raise
                self._ways.pop(0)
                os.lseek(source, 0, os.SEEK_SET)
                os.lseek(target, 0, os.SEEK_SET)
        return _stream(source, target)


def _is_serious(error: Exception) -> bool:
    """Full disks and bad sectors are no sign of a missing feature."""
    import errno

    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _clone(source: int, target: int, size: int) -> None:
    import fcntl

    fcntl.ioctl(target, 0x40049409, source)  # FICLONE of linux/fs.h: btrfs, xfs, bcachefs


def _copy_range(source: int, target: int, size: int) -> None:
    done = 0
    while done < size:
        moved = os.copy_file_range(source, target, size - done)
        if not moved:
            raise OSError("copy_file_range stopped early")
        done += moved


def _send_file(source: int, target: int, size: int) -> None:
    done = 0
    while done < size:
        moved = os.sendfile(target, source, done, size - done)
        if not moved:
            raise OSError("sendfile stopped early")
        done += moved


def _stream(source: int, target: int) -> None:
    while True:
        chunk = os.read(source, _CHUNK_BYTES)
        if not chunk:
            return
        view = memoryview(chunk)
        while view:
            view = view[os.write(target, view) :]


def _same_link(path: bytes, target: str) -> bool:
    try:
        return os.readlink(path) == _raw(target)
    except OSError:
        return False


def _unchanged(path: bytes, size: int, mtime_ns: int, blobs_dir: str, blob: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    return found.st_mtime_ns == mtime_ns or _same_bytes(path, blob_path(_raw(blobs_dir), blob))


def _same_bytes(path: bytes, other: bytes) -> bool:
    try:
        with open(path, "rb") as one, open(other, "rb") as two:
            return all(pair[0] == pair[1] for pair in _chunks(one.fileno(), two.fileno()))
    except OSError:
        return False  # cannot tell: keep it


def _chunks(one: int, two: int) -> "Iterator[Tuple[bytes, bytes]]":
    while True:
        pair = os.read(one, _CHUNK_BYTES), os.read(two, _CHUNK_BYTES)
        yield pair
        if not pair[0]:
            return


class _Folders:
    """The folders of a snapshot in a working copy that are still real folders."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._known: "Dict[bytes, bool]" = {b"": True}

    def real(self, relative: bytes) -> bool:
        """Whether no part of that path was replaced by a symlink or a file."""
        if relative not in self._known:
            self._known[relative] = self.real(os.path.dirname(relative)) and self._is_folder(
                relative
            )
        return self._known[relative]

    def _is_folder(self, relative: bytes) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(os.path.join(self.root, relative)).st_mode)
        except OSError:
            return False

    def remove_empty(self) -> None:
        """Deepest first; folders with anything left in them stay, and so does the root."""
        for relative in sorted((f for f, real in self._known.items() if real and f), reverse=True):
            try:
                os.rmdir(os.path.join(self.root, relative))
            except OSError:
                pass
