"""The client's dependencies for an interpreter that has not got them, below ``runyard exec``.

``runyard exec`` says in a variable where its own packages are. An interpreter of the same version
may use those of them that it lacks: they come last, so nothing it has itself is replaced, and only
the client's dependencies can be had. Standard library only, Python 3.6 and later.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any, List, Optional, Tuple

VARIABLE = "RUNYARD_LENT_PACKAGES"
"""Version tag, interpreter, and folders of packages, joined as PATH is."""

PACKAGES = (
    "blake3",
    "click",
    "fsspec",
    "msgspec",
    "obstore",
    "packaging",
    "pathspec",
    "psutil",
    "pyflakes",
    "rattler",
    "tomli",
    "uv",
    "yaml",
    "_yaml",
)
"""What may be borrowed: the modules of the dependencies in pyproject.toml."""


def tag() -> str:
    """Two interpreters with the same tag can import each other's compiled modules."""
    return "{}-{}".format(sys.implementation.cache_tag, sys.platform)


def offer() -> str:
    """The value of the variable, for the interpreter that runs this."""
    from importlib.util import find_spec

    specs = [find_spec(name) for name in PACKAGES]
    files = [spec.origin for spec in specs if spec is not None and spec.origin]
    folders = [os.path.dirname(os.path.dirname(os.path.abspath(name))) for name in files]
    return os.pathsep.join([tag(), sys.executable, *dict.fromkeys(folders)])


def _offered() -> "List[str]":
    parts = os.environ.get(VARIABLE, "").split(os.pathsep)
    return parts if len(parts) > 2 and parts[1] != sys.executable else []


class _Borrowed:
    """Finds the client's dependencies where they are lent; asked after all other finders."""

    def __init__(self, folders: "List[str]") -> None:
        self.folders = folders

    def find_spec(
        self, name: str, path: "Any" = None, target: "Any" = None
    ) -> "Optional[ModuleSpec]":
        if path is not None or name not in PACKAGES:
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, self.folders)


def borrow() -> bool:
    """Use what is lent, where this interpreter can; False: nothing was, or it cannot."""
    offered = _offered()
    if not offered or offered[0] != tag():
        return False
    if not any(isinstance(finder, _Borrowed) for finder in sys.meta_path):
        finder = _Borrowed(offered[2:])  # type: Any
        sys.meta_path.append(finder)
    return True


def client_python() -> str:
    """The interpreter that has the client's dependencies: this one, or the one that lends them."""
    offered = _offered()
    lent = any(isinstance(finder, _Borrowed) for finder in sys.meta_path)
    return offered[1] if offered and lent else sys.executable


def advice(oldest: "Tuple[int, int]") -> str:
    """What to type below ``runyard exec``, where nothing can be borrowed; '' elsewhere.

    ``oldest``: the first Python that the client can be installed in.
    """
    offered = _offered()
    if not offered:
        return ""
    if sys.version_info < oldest:
        return " It cannot be installed in {}; use {}.".format(sys.executable, offered[1])
    return " Install it there, in a checkout of runyard: {} -m pip install .; or use {}.".format(
        sys.executable, offered[1]
    )
