"""Files that were at the place of a download before, and stayed, since nobody has said overwrite.

What the script reads is then not what the datastore has. Standard library only.
"""

from __future__ import annotations

import os

from runyard.data.stores.store import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from runyard.data.places import Place


def note(place: Place, copies: Iterable[tuple[str, str]]) -> None:
    """Of (source, target): take note in ``kept`` and ``entries`` of targets that are other files.

    The entries say then what the script has really read.
    """
    others = {_relative(place, target): target for _, target in filter(_differ, copies)}
    place.kept = sorted(others)
    entries = [
        _found(others[entry.path], entry) if entry.path in others else entry
        for entry in place.entries or ()
    ]
    place.listed(entries)


def _differ(copy: tuple[str, str]) -> bool:
    import filecmp

    try:
        return not filecmp.cmp(*copy)  # of equal sizes and times the content is not read
    except OSError:
        return True


def _relative(place: Place, target: str) -> str:
    return place.file_name or os.path.relpath(target, place.here)


def _found(target: str, entry: Entry) -> Entry:
    try:
        about = os.stat(target)
    except OSError:
        return entry._replace(size_bytes=0, etag="gone")
    return entry._replace(size_bytes=about.st_size, etag=f"{about.st_size}-{about.st_mtime_ns}")
