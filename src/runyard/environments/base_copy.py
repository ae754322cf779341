"""Another environment's files as the beginning of a new one.

Files are hard links, as uv makes them of its cache: installing or removing a package replaces
files and never writes into them, so neither environment sees what becomes of the other.
"""

from __future__ import annotations

import errno
import os
import shutil

from runyard.environments import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the environment itself, not of what is installed in it.
_OWN = ("pyvenv.cfg", ".gitignore", ".lock", "CACHEDIR.TAG", cache.MARKER_NAME)
_OUR_FILES = ("runyard-", "uv.toml")
# Other file systems, those without links, and a file that has as many as it may.
_UNLINKABLE = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
_SCRIPTS = "bin"


def fill(prefix: str, base: str) -> int:
    """Give the new virtual environment ``prefix`` all that is installed in ``base``.

    Returns the number of files. What is there already stays. Programs in ``bin`` name their
    Python by its path, so they are written anew. Raises OSError.
    """
    count = 0
    for folder, name in _files(base):
        place = os.path.join(prefix, folder)
        target = os.path.join(place, name)
        if os.path.lexists(target):
            continue
        os.makedirs(place, exist_ok=True)
        source = os.path.join(base, folder, name)
        if folder == _SCRIPTS:
            _rewrite(source, target, base, prefix)
        else:
            _link(source, target)
        count += 1
    return count


def _files(base: str) -> Iterator[tuple[str, str]]:
    """Folder and name of every file and link, the folder relative to the environment."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(base, folder)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(os.path.join(folder, entry.name))
                elif folder or not (entry.name in _OWN or entry.name.startswith(_OUR_FILES)):
                    yield folder, entry.name


def _link(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    # Who asks uv for copies has a reason; it may be that something writes into files.
    if os.environ.get("UV_LINK_MODE") != "copy":
        try:
            os.link(source, target)
            return
        except OSError as error:
            if error.errno not in _UNLINKABLE:
                raise
    shutil.copy2(source, target)


def _rewrite(source: str, target: str, base: str, prefix: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    with open(source, "rb") as file:
        content = file.read()
    here = os.fsencode(base)
    if here not in content:
        _link(source, target)
        return
    with open(target, "wb") as file:
        file.write(content.replace(here, os.fsencode(prefix)))
    shutil.copymode(source, target)
