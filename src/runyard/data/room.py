"""Whether a disk has room for what is to be put there. Standard library only."""

from __future__ import annotations

import os

from runyard.errors import UserErrorException

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def check(folder: str, size_bytes: int, what: str = "", *, cache: bool = False) -> None:
    """Raise UserErrorException when the disk of ``folder`` has less room than ``size_bytes``.

    ``folder`` need not exist. ``what``: whose files they are, for the message. ``cache``: it is the
    cache of data.
    """
    there = existing(folder)
    found = os.statvfs(there)
    free = found.f_bavail * found.f_frsize
    if size_bytes <= free:
        return
    if cache:
        advice = (
            "remove what no run needs now (runyard datastore cache --prune), or let the variable "
            "RUNYARD_CACHE_DIR name a folder on a larger disk"
        )
    else:
        advice = "remove files there, or give a path_on_compute on a larger disk"
    head = f"{what}: " if what else ""
    raise UserErrorException(
        f"{head}there is no room for it at {there!r}: it takes {text(size_bytes)}, {text(free)} "
        f"are free, {text(size_bytes - free)} are missing; {advice}, or give a path that has less "
        "below it"
    )


def existing(folder: str) -> str:
    """The folder, or the nearest one above it that is there."""
    folder = os.path.abspath(folder)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def in_bytes(size_bytes: int) -> str:
    """A size to the byte: '1 byte', '812 bytes'."""
    return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"


def text(size_bytes: float) -> str:
    """A size for people: '1.5 GB'."""
    unit = 0
    while size_bytes >= 1000 and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / 1000, unit + 1
    return f"{size_bytes:.1f} {_UNITS[unit]}" if unit else in_bytes(round(size_bytes))
