"""A log file as it grows, byte for byte: endless lines, no newline, bytes that are no text."""

from __future__ import annotations

import os
from collections.abc import Iterator

from runyard.record import regular

_CHUNK_BYTES = 64 * 1024


class LogStream:
    """Reads what is new in a file that may not be there yet; never more than 64 KiB at once.

    Where another file has its name by then, of a run that its target has started again, that is
    read from its beginning.
    """

    def __init__(self, path: str, last_lines: int | None = None) -> None:
        """``last_lines``: begin so many lines before the present end; None: at the beginning."""
        self.path = path
        self._last_lines = last_lines
        self._fd = -1
        self.in_line = False
        """Whether what was read last ended within a line."""

    def chunks(self) -> Iterator[bytes]:
        """What was written since the last call. Raises OSError as `opened` does."""
        while self.opened():
            while chunk := os.read(self._fd, _CHUNK_BYTES):
                self.in_line = not chunk.endswith(b"\n")
                yield chunk
            if not self._is_replaced():
                return
            self.close()
            self._last_lines = None

    def opened(self) -> bool:
        """Whether the file is there. Raises OSError for what may not be read, or is no file."""
        if self._fd >= 0:
            return True
        try:
            self._fd = regular.fd_to_read(self.path)
        except FileNotFoundError:
            return False
        if self._last_lines is not None:
            os.lseek(self._fd, start_of_last_lines(self._fd, self._last_lines), os.SEEK_SET)
        return True

    def _is_replaced(self) -> bool:
        try:
            return os.stat(self.path).st_ino != os.fstat(self._fd).st_ino
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def start_of_last_lines(fd: int, lines: int) -> int:
    """The offset at which the last ``lines`` lines of a file begin; it is read from its end."""
    end = os.fstat(fd).st_size
    if lines <= 0:
        return end
    # A newline at the very end closes the last line and does not begin another.
    position, wanted = max(0, end - 1), lines
    while position > 0:
        start = max(0, position - _CHUNK_BYTES)
        chunk = os.pread(fd, position - start, start)
        while wanted and (found := chunk.rfind(b"\n")) >= 0:
            wanted -= 1
            if not wanted:
                return start + found + 1
            chunk = chunk[:found]
        position = start
    return 0
