"""Names that a script never defines, and syntax its Python does not have (spec 2.8)."""

from __future__ import annotations

import ast

from runyard.config import stdlib_names
from runyard.config.source_imports import Source

_MAGIC = frozenset({"__file__", "__builtins__", "__annotations__", "WindowsError"})


def findings(source: Source, python: tuple[int, int]) -> list[str]:
    """One line for each finding, as ``file:line: what``, in the order of the files."""
    version = ".".join(map(str, python))
    found = [
        f"{name}:{error.lineno or 1}: syntax error in Python {version}: {error.msg}"
        for name, error in source.broken.items()
    ]
    for name, tree in source.files.items():
        found += _names(name, tree, python)
    return found


def _names(file: str, tree: ast.Module, python: tuple[int, int]) -> list[str]:
    from pyflakes import checker, messages

    builtin = stdlib_names.builtin_names(python) | _MAGIC

    class Checker(checker.Checker):  # type: ignore[misc]
        # Its own are those of the running Python.
        builtIns = property(lambda _: builtin, lambda _self, _own: None)

    wanted = {
        messages.UndefinedName: "undefined name {!r}",
        messages.UndefinedLocal: "local variable {!r} is used before it is given a value",
    }
    try:
        found = Checker(tree, file).messages
    except RecursionError:
        return []
    return [
        f"{file}:{message.lineno}: {wanted[type(message)].format(message.message_args[0])}"
        for message in sorted(found, key=lambda message: (message.lineno, message.col))
        if type(message) in wanted
    ]
