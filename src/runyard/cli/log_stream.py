"""A log file as it grows, byte for byte: endless lines, no newline, bytes that are no text."""

from __future__ import annotations

import os
from collections.abc import Iterator

from runyard.record import regular

_CHUNK_BYTES = 64 * 1024
# Bell, shift-out and the like would beep, or switch the terminal's character set. Colours (ESC)
# and progress bars (CR, BS) are what scripts mean to show.
_UNWANTED = bytes(set(range(32)) - {8, 9, 10, 13, 27}) + b"\x7f"


class LogStream:
    """Reads what is new in a file that may not be there yet; never more than 64 KiB at once."""

    def __init__(self, path: str, last_lines: int | None = None) -> None:
        """``last_lines``: begin so many lines before the present end; None: at the beginning."""
        self.path = path
        self._last_lines = last_lines
        self._fd = -1
        self.in_line = False
        """Whether what was read last ended within a line."""

    def chunks(self) -> Iterator[bytes]:
        """What was written since the last call."""
        if self._fd < 0 and not self._open():
            return
        while chunk := os.read(self._fd, _CHUNK_BYTES):
            self.in_line = not chunk.endswith(b"\n")
            yield chunk

    def _open(self) -> bool:
        try:
            self._fd = regular.fd_to_read(self.path)
        except FileNotFoundError:
            return False
        if self._last_lines is not None:
            os.lseek(self._fd, start_of_last_lines(self._fd, self._last_lines), os.SEEK_SET)
        return True

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


def for_terminal(chunk: bytes) -> bytes:
    """Without the control characters that would upset a terminal."""
    return chunk.translate(None, _UNWANTED)
