"""Copying files so that nobody ever sees half of one.

The runner copies with it too: standard library only, and nothing imported before it is needed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

PART = ".part~"
"""What the name of a file ends in that is still being written."""

_CHUNK_BYTES = 32 << 20


def copy(
    source: str, target: str, *, overwrite: bool, check: Callable[[], None] | None = None
) -> bool:
    """Copy a file with its modes and times; False when the target is there and stays.

    It is written beside the target and takes its name when it is whole. ``check``: called when it
    has been written, may raise what keeps it from that. Raises OSError.
    """
    import shutil

    if not overwrite and os.path.lexists(target):
        return False
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{os.urandom(8).hex()}{PART}")
    try:
        with open(source, "rb") as reader, open(part, "wb") as writer:
            _fill(reader, writer)
        shutil.copystat(source, part)
        if check is not None:
            check()
        os.replace(part, target)
    finally:
        if os.path.lexists(part):
            os.unlink(part)
    return True


def _fill(reader: BinaryIO, writer: BinaryIO) -> None:
    """Copy the bytes; in the kernel where it can, in pieces that a signal can come between."""
    import shutil

    try:
        while os.copy_file_range(reader.fileno(), writer.fileno(), _CHUNK_BYTES):
            pass
    except OSError as error:
        import errno

        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    # All of it where the kernel cannot, and what it does not see: files of /proc have no size.
    shutil.copyfileobj(reader, writer, _CHUNK_BYTES >> 5)


def files(folder: str, passed_over: list[str] | None = None) -> Iterator[str]:
    """The paths of all files below a folder, relative with '/', in order; links are followed.

    Left out is what is still being written, and a folder that a link leads back to. ``passed_over``
    gets the names of what is neither file nor folder: dangling links, pipes, devices. Raises
    OSError for a folder that cannot be read.
    """
    yield from _below(folder, "", frozenset(), [] if passed_over is None else passed_over)


def _below(
    folder: str, prefix: str, above: frozenset[tuple[int, int]], passed_over: list[str]
) -> Iterator[str]:
    found = os.stat(folder)
    key = (found.st_dev, found.st_ino)
    if key in above:
        return
    # A folder stands where its files do in the order of whole paths: 'a.txt' is before 'a/b'.
    found_here = [(entry.name + "/" * entry.is_dir(), entry) for entry in os.scandir(folder)]
    for name, entry in sorted(found_here, key=lambda pair: pair[0]):
        if name.endswith("/"):
            yield from _below(entry.path, f"{prefix}{entry.name}/", above | {key}, passed_over)
        elif not entry.is_file():
            passed_over.append(prefix + entry.name)
        elif not entry.name.endswith(PART):
            yield prefix + entry.name


def pairs(source: str, target: str, passed_over: list[str] | None = None) -> list[tuple[str, str]]:
    """Each file of ``source``, a folder or a file, with where it goes: below, or at, ``target``.

    ``passed_over``: as for `files`.
    """
    if not os.path.isdir(source):
        return [(source, target)]
    found = files(source, passed_over)
    return [(os.path.join(source, name), os.path.join(target, name)) for name in found]
