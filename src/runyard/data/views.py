"""A run's own view of files that lie elsewhere: how they come to its places, and what is his then.

What a script may write to is a copy, so that what it changes is nobody else's: the kernel shares
the blocks where the file system can. What it may only read is a hard link into the cache, or a
link to a file of this machine. Standard library only.
"""

from __future__ import annotations

import errno
import os

from runyard.data import transfers
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory

_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)
"""Another file system, one without links, or too many of them: copied instead."""

_NAME_BYTES = 255
"""No file system of Linux has longer names."""


class View:
    """The files of one place.

    ``skipped``: sources, and their targets, where there was something already.
    """

    def __init__(self, run: RunDirectory, place: Place) -> None:
        self._run = run
        self._place = place
        self._made: dict[str, list[int]] = {}
        self._folders: set[str] = set()
        self._mode = _mode_of_new_files()
        self.skipped: list[tuple[str, str]] = []

    def copy(self, source: str, relative: str) -> None:
        """Put a copy that the script may write to. Raises OSError."""
        target = self._target(relative)
        if transfers.copy(source, target, overwrite=self._place.overwrite):
            os.chmod(target, self._mode)
            self._note(relative, target)
        else:
            self.skipped.append((source, target))

    def link(self, source: str, relative: str, *, symbolic: bool = False) -> None:
        """Put a link to a file that stays as it is. Raises OSError."""
        target = self._target(relative)
        try:
            if symbolic:
                os.symlink(source, target)
            else:
                os.link(source, target)
        except FileExistsError:
            self.skipped.append((source, target))
            return
        except OSError as error:
            if error.errno not in _NO_LINK or symbolic:
                raise
            transfers.copy(source, target, overwrite=False)
        self._note(relative, target)

    def _target(self, relative: str) -> str:
        target = at(self._place, relative)
        folder = os.path.dirname(target)
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        return target

    def _note(self, relative: str, target: str) -> None:
        found = os.lstat(target)
        self._made[relative] = [found.st_size, found.st_mtime_ns]

    def save(self) -> None:
        """Write down what was put here, for `unchanged` in another process."""
        os.makedirs(os.path.dirname(_file(self._run, self._place)), exist_ok=True)
        jsonl.write_once(_file(self._run, self._place), self._made, sync=False)


def at(place: Place, relative: str) -> str:
    """Where the file of that relative path lies; '' is the place itself."""
    return os.path.join(place.here, *relative.split("/")) if relative else place.here


def unchanged(run: RunDirectory, place: Place) -> dict[str, str]:
    """The paths of the files that were put at a place and are still as they were, by relative."""
    try:
        made = jsonl.read_json(_file(run, place))
    except (OSError, ValueError):
        return {}
    found = {}
    for relative, (size, changed) in made.items():
        target = at(place, relative)
        try:
            now = os.lstat(target)
        except OSError:
            continue
        if (now.st_size, now.st_mtime_ns) == (size, changed):
            found[relative] = target
    return found


def forget(run: RunDirectory, place: Place) -> None:
    """Remove what `View.save` has written."""
    if os.path.lexists(_file(run, place)):
        os.unlink(_file(run, place))


def checked(relatives: Iterable[str]) -> Iterator[str]:
    """Relative paths as they are. Raises ValueError for one that would not lie below its place.

    Storage takes any text as a name; folders do not.
    """
    for relative in relatives:
        if relative and ("\0" in relative or not all(map(_is_name, relative.split("/")))):
            raise ValueError(relative)
        yield relative


def _is_name(part: str) -> bool:
    return part not in ("", ".", "..") and len(os.fsencode(part)) <= _NAME_BYTES


def folders(relatives: Iterable[str]) -> set[str]:
    """The relative paths of all folders that the files lie in."""
    found: set[str] = set()
    for relative in relatives:
        folder = relative.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _file(run: RunDirectory, place: Place) -> str:
    return run.join("data", ".placed", f"{place.name}.json")


def _mode_of_new_files() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
