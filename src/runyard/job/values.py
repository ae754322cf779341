"""What may be logged, and turning it into plain Python values (spec 12.4)."""

import sys
import warnings

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

PLAIN = frozenset((float, str, bool, type(None)))
"""Types that are logged as they are; an int may be too long."""

_MAX_INT_BYTES = 64
_GENERATOR = type(_ for _ in ())


def refuse_name(name: "Any") -> None:
    """Raise UserErrorException for a metric whose name is empty."""
    raise UserErrorException("{!r} is no name of a metric; give one such as 'loss'".format(name))


def texts(values: "Optional[Mapping[Any, Any]]") -> "Dict[str, str]":
    """Tags or properties as text; None becomes ''."""
    return {str(k): "" if v is None else str(v) for k, v in (values or {}).items()}


def scalar(name: str, value: "Any", one_of_many: bool = False) -> "Any":
    """``value`` as float, int, str, bool or None.

    Scalars of numpy and of array libraries become numbers; anything else becomes its ``repr``,
    with a warning. Raises UserErrorException for lists, ranges and generators, for ints over 64
    bytes, and, for an element of a list or table (``one_of_many``), for all that is no scalar.
    """
    plain = _plain(value)
    if type(plain) in PLAIN:
        return plain
    if type(plain) is int:
        return _checked_int(name, plain)
    if one_of_many:
        raise UserErrorException(
            "metric {!r}: {!r} ({}) is not a number, text, bool or None".format(
                name, value, type(value).__name__
            )
        )
    if isinstance(value, (list, range, _GENERATOR)):
        raise UserErrorException(
            "metric {!r}: log takes one value and got {}; use log_list({!r}, …)".format(
                name, of_type(value), name
            )
        )
    warnings.warn(
        "metric {!r}: {} is logged as its repr".format(name, of_type(value)),
        stacklevel=3,
    )
    return repr(value)


def _plain(value: "Any") -> "Any":
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return value if type(value) is kind else _of_subclass(value, kind)
    if value is None or not hasattr(value, "shape") or tuple(value.shape) != ():
        return value
    if hasattr(value, "item"):
        inner = value.item()
    elif hasattr(value, "numpy"):
        inner = value.numpy()
    else:
        return value
    if type(inner) is type(value):
        return _long_double(inner)
    return _plain(inner)


def _of_subclass(value: "Any", kind: type) -> "Any":
    # kind.__repr__-like conversion: an enum that is also an int has a str() of its own.
    return {int: int.__index__, float: float.__float__, str: str.__str__}[kind](value)


def _long_double(value: "Any") -> "Any":
    """numpy.longdouble().item() is a longdouble again."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _checked_int(name: str, value: int) -> int:
    if sys.getsizeof(value) > _MAX_INT_BYTES:
        raise UserErrorException(
            "metric {!r}: this int takes {} bytes; at most {} are allowed. Log float(value)".format(
                name, sys.getsizeof(value), _MAX_INT_BYTES
            )
        )
    return value


def step_number(name: str, step: "Any") -> "Optional[float]":
    """``step`` as int or finite float. Raises UserErrorException for anything else."""
    plain: "Any" = _plain(step)
    if plain is None:
        return None
    if isinstance(plain, (int, float)) and plain - plain == 0:
        return plain + 0  # True is 1
    raise UserErrorException("metric {!r}: step {!r} is not a finite number".format(name, step))


def of_type(value: object) -> str:
    """The type of a value with its article: ``an int``."""
    kind = type(value).__name__
    return "{} {}".format("an" if kind[0] in "AEIOaeio" else "a", kind)


def elements(name: str, value: "Any") -> "List[Any]":
    """The elements of any iterable but text as plain values. Raises UserErrorException."""
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        raise UserErrorException(
            "metric {!r}: log_list takes a list of scalars and got {}; use log({!r}, …)".format(
                name, of_type(value), name
            )
        )
    return [scalar(name, item, one_of_many=True) for item in value]


def row(name: str, columns: "Dict[str, Any]") -> "Dict[str, Any]":
    """One value a column. Raises UserErrorException for lists and when there is no column."""
    if not columns:
        raise UserErrorException("metric {!r}: log_row needs at least one column".format(name))
    return {key: scalar(name, item, one_of_many=True) for key, item in columns.items()}


def table(name: str, value: "Any") -> "Dict[str, Any]":
    """Columns of equal length. Raises UserErrorException; a column may be one scalar."""
    if not isinstance(value, dict):
        raise UserErrorException(
            "metric {!r}: log_table takes a dict column -> list and got {}".format(
                name, of_type(value)
            )
        )
    columns = {str(key): _column(name, item) for key, item in value.items()}
    lengths = {len(column) for column in columns.values() if isinstance(column, list)}
    if any(not isinstance(column, list) for column in columns.values()):
        lengths.add(1)
    if len(lengths) != 1:
        sizes = ", ".join(
            "{}: {}".format(key, len(column) if isinstance(column, list) else 1)
            for key, column in columns.items()
        )
        raise UserErrorException(
            "metric {!r}: the columns of a table must be of one length and there must be one "
            "({})".format(name, sizes or "none given")
        )
    return columns


def _column(name: str, value: "Any") -> "Any":
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return scalar(name, value, one_of_many=True)
    if hasattr(value, "shape") and tuple(value.shape) == ():
        return scalar(name, value, one_of_many=True)
    return elements(name, value)
