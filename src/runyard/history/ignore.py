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
import re
import stat
import warnings
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from blake3 import blake3

from runyard.errors import SnapshotException

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
# pathspec hands brackets to `re` as they are, and `re` knows no POSIX classes; git does.
_POSIX_CLASSES = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:blank:]": " \t",
    "[:cntrl:]": "\x01-\x1f\x7f",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:print:]": " -~",
    "[:space:]": " \t\n\r\x0b\x0c",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9a-fA-F",
}


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
        while rules is not None:
            relative = rules.above + path[len(rules.base) :]
            for pattern in rules._patterns:
                if pattern.matches(relative, is_dir):
                    return pattern.excludes
            rules = rules.parent
        return None

    @cached_property
    def _patterns(self) -> "list[_Pattern]":
        """Last line first: the first that matches decides. Compiled on first need, as an
        unchanged tree never asks."""
        return _patterns_of(self.text)


class _Pattern(NamedTuple):
    """One line of an ignore file, asked only about entries whose folder is not left out.

    pathspec's expressions also match everything below what a line names. The walk settles a
    folder before its content, so only a match of the whole path counts here; otherwise
    ``*``, ``!*/``, ``!*.py`` would keep every file of every subfolder.
    """

    excludes: bool
    only_dirs: bool
    searched: bool
    regex: "re.Pattern[str]"

    def matches(self, path: str, is_dir: bool) -> bool:
        if self.only_dirs and not is_dir:
            return False
        if self.searched:
            return self.regex.search(path) is not None
        return self.regex.fullmatch(path + "/" if is_dir else path) is not None


_EVERYTHING = re.compile("")


@lru_cache(maxsize=64)
def _patterns_of(text: bytes) -> "list[_Pattern]":
    """Of a process that submits one folder again and again, only once."""
    lines = text.removeprefix(_BOM).decode("utf-8", "surrogateescape").split("\n")
    return list(_compiled(reversed(lines)))


def _compiled(lines: Iterator[str]) -> Iterator[_Pattern]:
    # Importing pathspec takes 15 ms: only where a line must be understood.
    from pathspec import GitIgnoreSpec

    for text in filter(None, map(_git_text, lines)):
        try:
            with warnings.catch_warnings():
                # `re` warns of "possible nested sets" in brackets that git takes as they are.
                warnings.simplefilter("ignore", FutureWarning)
                found = GitIgnoreSpec.from_lines([text], backend="simple").patterns[0]
        except (ValueError, re.error):
            continue  # git passes over a line it cannot understand
        regex = getattr(found, "regex", None)
        if regex is not None and found.include is not None:
            yield _pattern(text.removeprefix("!"), regex, bool(found.include))


def _pattern(text: str, regex: "re.Pattern[str]", excludes: bool) -> _Pattern:
    only_dirs = text.endswith("/")
    if not regex.pattern.startswith("^"):
        # pathspec's short forms of "everything" ('*', '**') and of "every folder" ('*/', '**/').
        return _Pattern(excludes, only_dirs, True, _EVERYTHING if only_dirs else regex)
    content = text.rstrip("/").endswith("/**")
    return _Pattern(excludes, only_dirs, content, regex)


def _git_text(line: str) -> str:
    line = line.removesuffix("\r")
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    for name, members in _POSIX_CLASSES.items():
        line = line.replace(name, members)
    return line


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
