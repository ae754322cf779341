"""The end of a log, as a terminal shows it."""

from __future__ import annotations

import os

from runyard.record import regular

MAX_BYTES = 32 * 1024
MAX_LINES = 200
_LINE_CHARS = 500


def tail(path: str, lines: int = MAX_LINES) -> str:
    """The last lines of a file, of at most its last 32 KiB; '' when it is missing.

    Only the end is read, however long the file is; of a progress bar its last state is shown.
    """
    try:
        with regular.open_to_read(path) as stream:
            start = max(0, os.fstat(stream.fileno()).st_size - MAX_BYTES)
            stream.seek(start)
            content = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    found = content.split("\n")
    if start:
        found = found[1:]  # its beginning is not there
    if found and not found[-1]:
        found.pop()
    return "\n".join(_shown(line)[:_LINE_CHARS] for line in found[-lines:])


def _shown(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
