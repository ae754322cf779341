"""The files below a folder of this machine."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, Iterator, Tuple

PART = ".part~"
"""What the name of a file ends in that is still being written."""


def files(folder: str) -> "Iterator[Tuple[str, os.DirEntry[str]]]":
    """The path of each below it, with '/', and its entry; links are followed.

    Left out are what is still being written, what is neither file nor folder, and a folder that a
    link leads back to. Raises OSError for a folder that cannot be read.
    """
    return _below(folder, "", frozenset())


def _below(
    folder: str, prefix: str, above: "FrozenSet[Tuple[int, int]]"
) -> "Iterator[Tuple[str, os.DirEntry[str]]]":
    found = os.stat(folder)
    key = (found.st_dev, found.st_ino)
    if key in above:
        return
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _below(entry.path, prefix + entry.name + "/", above | {key})
        elif entry.is_file() and not entry.name.endswith(PART):
            yield prefix + entry.name, entry
