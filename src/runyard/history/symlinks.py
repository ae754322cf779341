"""What becomes of a symlink of the source folder in its snapshot.

* To a place inside the tree: kept as a link. The text stays as it is, unless it is absolute or
  leaves the tree on its way; then it is rewritten, relative to the link's own folder.
* To a file outside: the content is copied in. To a folder outside: followed and copied in, with
  the ignore rules in force there. A folder that leads back to where the walk came from (a loop)
  is left out with a warning.
* To nothing (dangling, or a link that leads to itself): kept as it is, with a warning.
* To a fifo, socket or device outside: left out with a warning.
"""

import os
import stat
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Root:
    """The top of a tree being walked: the source, or a folder outside that a link leads to.

    ``path`` is real and has no trailing slash; ``prefix`` is where it lies in the snapshot.
    """

    path: str
    prefix: str

    def holds(self, path: str) -> bool:
        """Whether that real path lies in this tree."""
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


class LinkKind(Enum):
    """What to do with a link."""

    KEEP = "kept as a link"
    DANGLING = "kept as a link, though it leads nowhere"
    FILE = "the file it leads to is copied in"
    FOLDER = "the folder it leads to is copied in"
    SPECIAL = "left out: it leads to a fifo, socket or device"


@dataclass(frozen=True, slots=True)
class Link:
    """``text`` is the target to store; ``place`` the real path it leads to.

    ``inner`` is the target's path in the snapshot when it lies in the same tree, else None.
    """

    kind: LinkKind
    text: str
    place: str
    inner: str | None


def read_link(path: str, root: Root) -> Link:
    """Judge the symlink at ``path``, whose folder is a real path inside ``root``.

    Raises FileNotFoundError when it vanished, PermissionError when what it leads to is closed.
    """
    folder = os.path.dirname(path)
    text = os.readlink(path)
    place = _place(os.path.join(folder, text))
    inside = root.holds(place)
    if inside and (os.path.isabs(text) or _leaves(folder, text, root)):
        text = os.path.relpath(place, folder)
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        raise
    except OSError:
        return Link(LinkKind.DANGLING, text, place, None)
    if inside:
        inner = os.path.relpath(place, root.path)
        return Link(LinkKind.KEEP, text, place, os.path.normpath(os.path.join(root.prefix, inner)))
    return Link(_outside_kind(mode), text, os.path.realpath(place), None)


def _outside_kind(mode: int) -> LinkKind:
    if stat.S_ISREG(mode):
        return LinkKind.FILE
    return LinkKind.FOLDER if stat.S_ISDIR(mode) else LinkKind.SPECIAL


def _place(path: str) -> str:
    """Where a link leads in one step: the last name is not resolved, the way to it is."""
    head, name = os.path.split(path.rstrip("/"))
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(head), name)


def _leaves(folder: str, text: str, root: Root) -> bool:
    """Whether a relative target climbs out of the tree, even if it comes back."""
    depth = len(_parts(folder)) - len(_parts(root.path))
    for part in _parts(text):
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
