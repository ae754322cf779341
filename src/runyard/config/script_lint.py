"""Names that a script never defines, and syntax its Python does not have (spec 2.8)."""

from __future__ import annotations

import ast

from runyard.config import stdlib_names
from runyard.config.source_imports import Source

_MAGIC = frozenset({"__file__", "__builtins__", "__annotations__", "WindowsError"})

# What IPython has beside.
_OF_CELLS = frozenset({"get_ipython", "display", "In", "Out", "_", "__", "___"})


def findings(
    source: Source, python: tuple[int, int], defined: frozenset[str] = frozenset()
) -> list[str]:
    """One line for each finding, as ``file:line: what``, in the order of the files.

    ``defined``: names that a notebook finds defined.
    """
    version = ".".join(map(str, python))
    found = [
        f"{source.place(name, error.lineno or 1)}: syntax error in Python {version}: {error.msg}"
        for name, error in source.broken.items()
    ]
    for name, tree in source.files.items():
        found += _names(name, tree, python, source, defined)
    return found


def _names(
    file: str, tree: ast.Module, python: tuple[int, int], source: Source, defined: frozenset[str]
) -> list[str]:
    from pyflakes import checker, messages

    builtin = stdlib_names.builtin_names(python) | _MAGIC
    notebook = source.notebooks.get(file)
    if notebook is not None:
        if notebook.defines_more:
            return []
        builtin |= _OF_CELLS | defined

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
    lines = []
    for message in sorted(found, key=lambda message: (message.lineno, message.col)):
        text = wanted.get(type(message))
        if text is not None:
            place = source.place(file, message.lineno)
            lines.append(f"{place}: {text.format(message.message_args[0])}")
    return lines
