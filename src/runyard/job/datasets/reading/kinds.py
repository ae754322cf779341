"""What a column holds, and what columns of several files are together."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional

INT, FLOAT, BOOL, DATETIME, TEXT, NULL = "int", "float", "bool", "datetime", "text", "null"
OTHER = "other"
"""Objects that are no text: lists, dicts, decimals."""


def of(column: "Any") -> str:
    """The kind of a column of pandas; NULL when nothing is in it."""
    import pandas as pd

    if not len(column):
        return NULL
    kind = getattr(column.dtype, "kind", "O")
    if str(column.dtype) in ("str", "string"):  # of its own type, which need not be looked through
        return NULL if column.isnull().all() else TEXT
    if kind in "iu":
        return INT
    if kind == "f":
        return NULL if column.isnull().all() else FLOAT
    if kind == "b":
        return BOOL
    if kind == "M":
        return NULL if column.isnull().all() else DATETIME
    return {
        "string": TEXT,
        "unicode": TEXT,
        "empty": NULL,
        "boolean": BOOL,
        "datetime": DATETIME,
    }.get(pd.api.types.infer_dtype(column, skipna=True), OTHER)


def together(kinds: "Iterable[str]") -> "Optional[str]":
    """The kind of a column whose parts have these; None when only text can hold them all."""
    found = set(kinds) - {NULL}
    if not found:
        return NULL
    if found <= {INT, FLOAT}:
        return FLOAT if FLOAT in found else INT
    if len(found) == 1:
        return found.pop()
    return None


def conflicts(seen: "Dict[str, List[str]]") -> "List[str]":
    """The columns that only text can hold, of which some parts are none."""
    return [name for name, kinds in seen.items() if together(kinds) is None]
