"""Reading an archive that may come from anybody, member after member.

Only what `exporting` writes is taken: no member makes the reader keep, or seek, more than its
headers' bound, whatever it says of itself.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from runyard.errors import UserErrorException
from runyard.history.transfer.members import refused

_HEADER_BYTES = 1 << 17
_END_OF_TIME = 253402300800
"""The year 10000, in s since 1970."""
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_TAKEN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE)
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}
DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError, ValueError)


class _Header(tarfile.TarInfo):
    """A header that is looked at before what it announces is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS:
            if not 0 <= found.size <= _HEADER_BYTES:
                raise refused(found.name, f"it has a header of {found.size} bytes")
        elif found.type not in _TAKEN:
            kind = _KINDS.get(found.type, f"of type {found.type!r}")
            raise refused(found.name, f"it is {kind}")
        return found

    def _refuse_sparse(self, *_: Any, **__: Any) -> None:
        raise refused(self.name, "it is a sparse file")

    # What TarInfo calls for files with holes; they say sizes of their own.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def entries(stream: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, BinaryIO | None]]:
    """Every member, with its content where it is a file, to be read before the next is asked for.

    Raises UserErrorException for what is no such archive, or is damaged; OSError.
    """
    with _opened(stream) as archive:
        while (info := _next(archive)) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would remember each
            if info.size < 0 or info.name.startswith("/"):
                raise refused(info.name, "it leads out of its folder")
            if not abs(info.mtime) < _END_OF_TIME:
                raise refused(info.name, f"it is of the time {info.mtime}")
            content = archive.extractfile(info) if info.isreg() else None
            yield info, cast("BinaryIO | None", content)


def _opened(stream: BinaryIO) -> tarfile.TarFile:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    source: Any = buffered
    if buffered.peek(2)[:2] == b"\x1f\x8b":
        source = gzip.GzipFile(fileobj=buffered, mode="rb")
    try:
        return tarfile.open(
            fileobj=source,
            mode="r|",
            encoding="utf-8",
            errors="surrogateescape",
            tarinfo=_Header,
        )
    except DAMAGE as error:
        raise damaged(error) from error


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return archive.next()
    except DAMAGE as error:
        raise damaged(error) from error


def damaged(error: BaseException) -> UserErrorException:
    """The error of what is no archive, or was cut short."""
    return UserErrorException(
        f"the archive cannot be read, nothing of it was taken: {error or type(error).__name__}; is "
        "it whole, and one that `runyard export` has written?",
        error if isinstance(error, Exception) else None,
    )
