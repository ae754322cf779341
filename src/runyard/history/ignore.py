"""Which paths of a source folder stay out of its snapshot.

Spec 9.3 reads one file in the root; asks 47 and 48 are what users suffered from that. Here:

* a ``.amlignore`` in the source root decides alone, when there is one;
* otherwise git's rules hold: the ``.gitignore`` of every level, deeper files before higher ones,
  the last matching line before earlier ones, and those of the folders above the source up to the
  root of its repository. ``.git/info/exclude`` and a user's global excludes are not read: they
  differ between machines, and a snapshot must not;
* below all of these lie `DEFAULT_PATTERNS`, which any ``!`` line of the user overrides.

A folder that is left out is not entered, so nothing in it can come back: git's rule too.
"""

import errno
import os
import stat
from functools import cached_property, lru_cache

from blake3 import blake3

from runyard.errors import SnapshotException
from runyard.history.ignore_pattern import Pattern, compiled

AMLIGNORE = ".amlignore"
GITIGNORE = ".gitignore"
DEFAULT_PATTERNS = b"""
.git
.hg/
.svn/
__pycache__/
.ipynb_checkpoints/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.tox/
.nox/
node_modules/
.DS_Store
"""
VENV_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
"""A folder that holds one of these is a virtual environment, whatever its name."""

_BOM = b"\xef\xbb\xbf"


class Rules:
    """One ignore file and, through ``parent``, those it overrides. Immutable.

    ``base`` is the prefix its folder has in the snapshot (``''`` or ``'a/b/'``). ``above`` is the
    way from its folder down to the source, for files of folders above the source. ``nested`` says
    whether the ``.gitignore`` files of subfolders count. ``digest`` names everything in force.
    """

    def __init__(
        self,
        parent: "Rules | None",
        text: bytes,
        base: str = "",
        above: str = "",
        nested: bool = True,
    ) -> None:
        self.parent = parent
        self.text = text
        self.base = base
        self.above = above
        self.nested = nested
        place = os.fsencode(f"{base}\0{above}\0{nested}\0")
        self.digest: bytes = blake3((parent.digest if parent else b"") + place + text).digest()

    def inside(self, prefix: str, folder: str) -> "Rules":
        """The rules in force in ``folder``, whose ``.gitignore`` exists; ``prefix`` as in ``base``.

        Raises `SnapshotException` when the file cannot be read.
        """
        text = read_ignore_file(folder + GITIGNORE, follow=False) if self.nested else None
        return self if text is None else Rules(self, text, base=prefix)

    def verdict(self, path: str, is_dir: bool) -> "bool | None":
        """True: left out; False: a ``!`` line asks for it; None: no line speaks of it.

        ``path`` is relative to the source and below ``base``, without a trailing slash.
        """
        rules: Rules | None = self
        name = os.fsencode(path.rpartition("/")[2])
        while rules is not None:
            relative = os.fsencode(rules.above + path[len(rules.base) :])
            for pattern in rules._patterns:
                if pattern.matches(relative, name, is_dir):
                    return pattern.excludes
            rules = rules.parent
        return None

    @cached_property
    def _patterns(self) -> "list[Pattern]":
        """Last line first: the first that matches decides. Compiled on first need, as an
        unchanged tree never asks."""
        return _patterns_of(self.text)


@lru_cache(maxsize=64)
def _patterns_of(text: bytes) -> "list[Pattern]":
    """Of a process that submits one folder again and again, only once."""
    lines = text.removeprefix(_BOM).split(b"\n")
    return [*filter(None, map(compiled, reversed(lines)))]


def starting_rules(source: str) -> Rules:
    """The rules above ``source`` (absolute, no trailing slash); its own .gitignore is not in yet.

    Raises `SnapshotException` when an ignore file cannot be read.
    """
    rules = Rules(None, DEFAULT_PATTERNS)
    own = read_ignore_file(os.path.join(source, AMLIGNORE), follow=True)
    if own is not None:
        return Rules(rules, own, nested=False)
    for folder, above in _folders_above(source):
        text = read_ignore_file(os.path.join(folder, GITIGNORE), follow=False)
        if text is not None:
            rules = Rules(rules, text, above=above)
    return rules


def _folders_above(source: str) -> list[tuple[str, str]]:
    """Folders from the repository's root down to the one above source; none without a ``.git``."""
    found: list[tuple[str, str]] = []
    folder, above = source, ""
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, name = os.path.split(folder)
        if not name:
            return []
        above = f"{name}/{above}"
        found.append((folder, above))
    return found[::-1]


def read_ignore_file(path: str, *, follow: bool) -> "bytes | None":
    """The bytes of an ignore file; None when there is none or it is not a regular file.

    git does not follow a ``.gitignore`` that is a symlink (``follow=False``). Raises
    `SnapshotException` when it may not be read: to go on would store what it should keep out.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise SnapshotException(
                f"The ignore file {path} cannot be read ({error.strerror}), so what it keeps out "
                f"is not known. Make it readable: chmod u+r '{path}'.",
                error,
            ) from error
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read()
