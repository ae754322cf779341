"""A snapshot as a zip file, which is what SDK v1's ``run.restore_snapshot`` gives (spec 9.3)."""

import os
import stat
import zipfile
from pathlib import Path
from shutil import copyfileobj

from runyard.history.blobs import BlobStore
from runyard.history.manifest import EMPTY_FOLDER, LINK, SnapshotEntry

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold; the same snapshot, the same bytes


def write_zip(entries: list[SnapshotEntry], blobs: BlobStore, zip_path: Path) -> None:
    """Write the zip, replacing one that is there; a failure leaves no half of it.

    Modes and symlinks are kept. Zip names are Unicode: bytes that are not UTF-8 appear as
    ``\\xNN``.
    """
    part = zip_path.with_name(f"{zip_path.name}.{os.getpid()}.part~")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in entries:
                _add(archive, entry, blobs)
        part.replace(zip_path)
    finally:
        part.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, entry: SnapshotEntry, blobs: BlobStore) -> None:
    name = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
    if entry.kind == EMPTY_FOLDER:
        archive.writestr(_info(name + "/", stat.S_IFDIR | entry.mode), b"")
    elif entry.kind == LINK:
        archive.writestr(_info(name, stat.S_IFLNK | 0o777), os.fsencode(entry.blob))
    else:
        info = _info(name, stat.S_IFREG | entry.mode)
        info.file_size = entry.size_bytes
        with open(blobs.path(entry.blob), "rb") as source, archive.open(info, "w") as target:
            copyfileobj(source, target, 1 << 20)


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MOMENT)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
