"""Files of JSON: whole-line appends, tolerant reads, files written once.

Law *one writer per file*: an ``Appender`` assumes that it is the only one for its path.
"""

import errno
import os

from runyard.record import early_json, regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional

    Record = Dict[str, Any]

_LONG_BYTES = 1 << 16
_YEAR_10000_S = 253402300800


def encode(record: "Record") -> bytes:
    """One line of ASCII JSON; odd file names survive as escaped surrogates."""
    return (early_json.dumps(record) + "\n").encode("ascii")


class Appender:
    """Appends lines to one file, each by one ``write``; in the file when ``append`` returns."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def append(self, record: "Record") -> None:
        """Append one record. Raises OSError (disk full)."""
        self.write(encode(record))

    def sync(self) -> None:
        """Make what was appended survive power loss. Raises OSError."""
        os.fsync(self._fd)

    def write(self, line: bytes) -> None:
        """Append an encoded line. A write cut short (disk full) is taken back, then raised."""
        if self._fd < 0:
            self._open()
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)

    def _open(self) -> None:
        self._fd = regular.open_fd(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        _drop_unfinished_line(self._fd)

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self, close: "Callable[[int], None]" = os.close) -> None:
        # Whoever tags a thousand runs has a thousand of these, and may not open as many files.
        if self._fd >= 0:
            close(self._fd)


def _drop_unfinished_line(fd: int) -> None:
    """A writer that died in the middle of a line left it unfinished; its successor removes it."""
    size = os.fstat(fd).st_size
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return
    while size:
        begin = max(0, size - _LONG_BYTES)
        found = os.pread(fd, size - begin, begin).rfind(b"\n")
        if found >= 0:
            os.ftruncate(fd, begin + found + 1)
            return
        size = begin
    os.ftruncate(fd, 0)


def read(
    path: str,
    problems: "Optional[List[str]]" = None,
    at_most: "Optional[int]" = regular.LIMIT_BYTES,
) -> "List[Record]":
    """All whole lines of a file; none when it is missing.

    A line that is not a JSON object is left out and reported in ``problems`` as
    ``file:line: why``. An unfinished last line is left out silently: its writer is at work.
    Raises OSError for what is no regular file, and for one of more than ``at_most`` bytes.
    """
    return list(lines(path, problems, at_most))


def lines(
    path: str,
    problems: "Optional[List[str]]" = None,
    at_most: "Optional[int]" = regular.LIMIT_BYTES,
) -> "Iterator[Record]":
    """As `read`, one line after the other: the records of a long file need not all be kept.

    The file is read, and closed again, when the first is asked for.
    """
    try:
        with regular.open_to_read(path, at_most) as stream:
            content = stream.read()
    except FileNotFoundError:
        return
    decode = _decoder(content)
    begin, number = 0, 0
    while True:
        end = content.find(b"\n", begin)
        if end < 0:
            return
        number += 1
        try:
            record = decode(content, begin, end)
        except (ValueError, RecursionError) as error:
            _report(problems, path, number, str(error))
        else:
            if isinstance(record, dict):
                yield record
            else:
                _report(problems, path, number, "not a JSON object")
        begin = end + 1


def _decoder(content: bytes) -> "Callable[[bytes, int, int], Any]":
    """What reads one line of a content: of a long one, in half the time that json.loads takes."""
    if len(content) < _LONG_BYTES or not _is_ascii(content):
        return _loads
    import json

    text, scan = content.decode("ascii"), json.JSONDecoder().raw_decode

    def decode(content: bytes, begin: int, end: int) -> "Any":
        try:
            record, stop = scan(text, begin)
        except (ValueError, RecursionError):
            stop = -1
        # What ends elsewhere is not one value on one line: let the error be that of the line.
        return record if stop == end else _loads(content, begin, end)

    return decode


def _is_ascii(content: bytes) -> bool:
    try:
        content.decode("ascii")
    except UnicodeDecodeError:
        return False
    return True


def _loads(content: bytes, begin: int, end: int) -> "Any":
    return early_json.loads(content[begin:end].decode("utf-8"))


def read_part(
    path: str,
    problems: "Optional[List[str]]" = None,
    at_most: "Optional[int]" = regular.LIMIT_BYTES,
) -> "Iterator[Record]":
    """As `lines`, of a file that is one of many: with ``problems`` it may be unreadable as a whole.

    Raises OSError without.
    """
    try:
        for record in lines(path, problems, at_most):
            yield record
    except OSError as error:
        if problems is None:
            raise
        problems.append("{}: {}".format(path, error.strerror))


def _report(problems: "Optional[List[str]]", path: str, number: int, why: str) -> None:
    if problems is not None:
        problems.append("{}:{}: {}".format(path, number, why))


def moment(record: "Record") -> "Optional[float]":
    """The time ``t`` of a line in seconds since 1970; None where it holds none.

    Nothing that was written as a time is outside of the years 1970 to 9999, as a date can be.
    """
    found: "Any" = record.get("t")
    if type(found) not in (int, float) or not 0 <= found < _YEAR_10000_S:
        return None
    return float(found)


def write_once(path: str, record: "Record", sync: bool = True) -> None:
    """Write a JSON file so that it is there whole or not at all, and survives power loss."""
    temporary = "{}.{}.tmp".format(path, os.getpid())
    try:
        with regular.create(temporary) as stream:
            stream.write(early_json.dumps(record, indent=1).encode("ascii") + b"\n")
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    if sync:
        sync_file(os.path.dirname(path))


def sync_file(path: str) -> None:
    """Make the content of a file, or the names in a folder, survive power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_json(path: str) -> "Record":
    """A whole JSON object. Raises FileNotFoundError, or ValueError naming the file."""
    with regular.open_to_read(path, regular.LIMIT_BYTES) as stream:
        text = stream.read()
    try:
        record = early_json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError("{} is not valid JSON: {}".format(path, error))
    if not isinstance(record, dict):
        raise ValueError("{} does not hold a JSON object".format(path))
    return record
