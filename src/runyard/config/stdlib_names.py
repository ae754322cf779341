"""The standard library of a Python version that may not be here."""

from __future__ import annotations

import sys

# The first version that has the module, and the first without it; the rest is as it runs here.
_ADDED = {
    "contextvars": (3, 7),
    "dataclasses": (3, 7),
    "graphlib": (3, 9),
    "zoneinfo": (3, 9),
    "tomllib": (3, 11),
    "annotationlib": (3, 14),
    "compression": (3, 14),
}
_REMOVED = {
    (3, 7): ("fpectl", "macurl2path"),
    (3, 8): ("macpath",),
    (3, 9): ("dummy_threading", "_dummy_threading"),
    (3, 10): ("formatter", "parser", "symbol"),
    (3, 11): ("binhex",),
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    ),
}
_GONE = {name: version for version, names in _REMOVED.items() for name in names}
_BUILTINS_ADDED = {
    "breakpoint": (3, 7),
    "aiter": (3, 10),
    "anext": (3, 10),
    "EncodingWarning": (3, 10),
    "BaseExceptionGroup": (3, 11),
    "ExceptionGroup": (3, 11),
    "PythonFinalizationError": (3, 13),
}


def has_module(name: str, python: tuple[int, int]) -> bool:
    """Whether ``name`` is a top-level module of that version's standard library."""
    if name in _ADDED:
        return python >= _ADDED[name]
    if name in _GONE:
        return python < _GONE[name]
    return name in sys.stdlib_module_names or name == "__main__"


def other_version(name: str) -> str:
    """When ``name`` is of the standard library in other versions: which; else ''."""
    if name in _ADDED:
        return f"part of Python from {_text(_ADDED[name])} on"
    return f"part of Python before {_text(_GONE[name])}" if name in _GONE else ""


def builtin_names(python: tuple[int, int]) -> set[str]:
    """The names that need no import in that version, as far as the running one knows."""
    import builtins

    added = {name for name, first in _BUILTINS_ADDED.items() if first <= python}
    return {name for name in dir(builtins) if name not in _BUILTINS_ADDED} | added


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
