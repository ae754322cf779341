"""What is filtered by: ``(dataset['age'] > 30) & dataset['name'].starts_with('A')`` (spec 15.3).

An expression is built now and evaluated when data is read. As JSON it is
``{"op": "gt", "args": [{"column": "age"}, {"value": 30}]}``; a datetime is
``{"datetime": "2020-01-31T00:00:00"}``. A comparison with a missing value is false, and so is its
opposite; ``is_null()`` asks for it.
"""

import datetime
import numbers

from runyard.errors import UserErrorException
from runyard.job.datasets.partitions import parse_datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, Mapping

COMPARISONS = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}  # type: Dict[str, Callable[[Any, Any], Any]]

ARITHMETIC = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": lambda left, right: left / right,
    "mod": lambda left, right: left % right,
}  # type: Dict[str, Callable[[Any, Any], Any]]

SIGNS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
    "and": "&",
    "or": "|",
}
"""How operations are written between two values."""

TEXT_TESTS = {
    "starts_with": lambda text, part: text.startswith(part),
    "ends_with": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
}  # type: Dict[str, Callable[[str, str], bool]]

TEXTS = {
    "to_lower": lambda text: text.lower(),
    "to_upper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "length": len,
}  # type: Dict[str, Callable[[str], Any]]


class Expression:
    """A part of a filter; made of a column and combined by operators, never made by hand.

    ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``+ - * / %``, ``& | ~``, and the methods below.
    Put comparisons in brackets when they are combined: ``(a > 1) & (b < 2)``.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, content: "Dict[str, Any]") -> None:
        self.content = content

    def __eq__(self, other: object) -> "Expression":  # type: ignore[override]
        return _of("eq", self, other)

    def __ne__(self, other: object) -> "Expression":  # type: ignore[override]
        return _of("ne", self, other)

    def __lt__(self, other: object) -> "Expression":
        return _of("lt", self, other)

    def __le__(self, other: object) -> "Expression":
        return _of("le", self, other)

    def __gt__(self, other: object) -> "Expression":
        return _of("gt", self, other)

    def __ge__(self, other: object) -> "Expression":
        return _of("ge", self, other)

    def __add__(self, other: object) -> "Expression":
        return _of("add", self, other)

    def __radd__(self, other: object) -> "Expression":
        return _of("add", other, self)

    def __sub__(self, other: object) -> "Expression":
        return _of("sub", self, other)

    def __rsub__(self, other: object) -> "Expression":
        return _of("sub", other, self)

    def __mul__(self, other: object) -> "Expression":
        return _of("mul", self, other)

    def __rmul__(self, other: object) -> "Expression":
        return _of("mul", other, self)

    def __truediv__(self, other: object) -> "Expression":
        return _of("div", self, other)

    def __rtruediv__(self, other: object) -> "Expression":
        return _of("div", other, self)

    def __mod__(self, other: object) -> "Expression":
        return _of("mod", self, other)

    def __and__(self, other: object) -> "Expression":
        return _of("and", self, other)

    def __rand__(self, other: object) -> "Expression":
        return _of("and", other, self)

    def __or__(self, other: object) -> "Expression":
        return _of("or", self, other)

    def __ror__(self, other: object) -> "Expression":
        return _of("or", other, self)

    def __invert__(self) -> "Expression":
        return _of("not", self)

    def __bool__(self) -> bool:
        raise UserErrorException(
            "a filter has no truth value before data is read; combine its parts with & | ~ in "
            "place of and, or, not, each part in brackets: (dataset['a'] > 1) & (dataset['b'] < 2)"
        )

    def is_null(self) -> "Expression":
        """Whether the value is missing."""
        return _of("is_null", self)

    def starts_with(self, value: "Any") -> "Expression":
        """Whether the text begins so."""
        return _of("starts_with", self, value)

    def ends_with(self, value: "Any") -> "Expression":
        """Whether the text ends so."""
        return _of("ends_with", self, value)

    def contains(self, value: "Any") -> "Expression":
        """Whether that is in the text."""
        return _of("contains", self, value)

    def length(self) -> "Expression":
        """The number of letters of the text."""
        return _of("length", self)

    def to_lower(self) -> "Expression":
        """The text in small letters."""
        return _of("to_lower", self)

    def to_upper(self) -> "Expression":
        """The text in capital letters."""
        return _of("to_upper", self)

    def trim(self) -> "Expression":
        """The text without blanks at its ends."""
        return _of("trim", self)

    def __repr__(self) -> str:
        return text_of(self.content)


def column(name: str) -> Expression:
    """The values of a column."""
    return Expression({"column": name})


def checked(expression: object) -> "Dict[str, Any]":
    """The JSON of a filter. Raises UserErrorException for what is none."""
    if isinstance(expression, Expression):
        return expression.content
    raise UserErrorException(
        "filter takes an expression such as dataset['age'] > 30 and got {!r} of type {}".format(
            expression, type(expression).__name__
        )
    )


def columns_of(content: "Mapping[str, Any]") -> "Iterator[str]":
    """The names of the columns an expression reads."""
    if "column" in content:
        yield str(content["column"])
    for part in content.get("args", ()):
        for name in columns_of(part):
            yield name


def constant(content: "Mapping[str, Any]") -> "Any":
    """The Python value of a constant."""
    return parse_datetime(content["datetime"]) if "datetime" in content else content["value"]


def of_values(content: "Mapping[str, Any]", values: "Mapping[str, Any]") -> "Any":
    """An expression for one file or row whose values are in a dict; None where one is missing."""
    if "column" in content:
        return _value(content["column"], values)
    if "op" not in content:
        return constant(content)
    op = content["op"]
    found = [of_values(part, values) for part in content["args"]]
    if op == "is_null":
        return found[0] is None
    if op in ("and", "or", "not"):
        return _combined(op, found)
    if any(value is None for value in found):
        return False if op in COMPARISONS or op in TEXT_TESTS else None
    try:
        return _operation(op)(*found)
    except (TypeError, AttributeError):
        raise not_comparable(content, [type(value).__name__ for value in found])


def _value(name: str, values: "Mapping[str, Any]") -> "Any":
    if name in values:
        return values[name]
    raise UserErrorException(
        "the filter names {!r}, and there is only {}".format(name, ", ".join(map(repr, values)))
    )


def _combined(op: str, found: "Any") -> bool:
    if op == "not":
        return not found[0]
    return bool(found[0] and found[1]) if op == "and" else bool(found[0] or found[1])


def _operation(op: str) -> "Callable[..., Any]":
    for table in (COMPARISONS, ARITHMETIC, TEXT_TESTS, TEXTS):
        if op in table:
            return table[op]
    raise UserErrorException(
        "the filter has the operation {!r}, which this version of runyard does not know; "
        "update runyard".format(op)
    )


def not_comparable(content: "Mapping[str, Any]", kinds: "Any") -> UserErrorException:
    """The error for values that an operation cannot be used on."""
    return UserErrorException(
        "the filter {} cannot be used on values of type {}; give a value of the type of the "
        "column, or set the type of the column with set_column_types".format(
            text_of(content), " and ".join(sorted(set(kinds)))
        )
    )


def text_of(content: "Mapping[str, Any]") -> str:
    """An expression as it is written in Python, of a dataset named ``dataset``."""
    if "column" in content:
        return "dataset[{!r}]".format(content["column"])
    if "op" not in content:
        return repr(constant(content))
    op = content["op"]
    if op == "not":
        return "~" + _within(content["args"][0])
    parts = [_within(part) for part in content["args"]]
    if op in SIGNS and len(parts) == 2:
        return "{} {} {}".format(parts[0], SIGNS[op], parts[1])
    return "{}.{}({})".format(parts[0], op, ", ".join(map(text_of, content["args"][1:])))


def _within(content: "Mapping[str, Any]") -> str:
    """A part of an expression: in brackets where an operator is."""
    text = text_of(content)
    return "({})".format(text) if content.get("op") in (*SIGNS, "not") else text


def _of(op: str, *args: object) -> Expression:
    return Expression({"op": op, "args": [_json(arg) for arg in args]})


def _json(value: "Any") -> "Dict[str, Any]":
    if isinstance(value, Expression):
        return value.content
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    elif hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if isinstance(value, datetime.datetime):
        return {"datetime": plain_datetime(value).isoformat()}
    if isinstance(value, datetime.date):
        return {"datetime": datetime.datetime(value.year, value.month, value.day).isoformat()}
    if value is None or isinstance(value, (str, bool, numbers.Real)):
        return {"value": value}
    raise UserErrorException(
        "a filter compares with text, numbers, True, False, dates and columns, and got {!r} of "
        "type {}".format(value, type(value).__name__)
    )


def plain_datetime(value: "datetime.datetime") -> "datetime.datetime":
    """The same time in UTC without a zone, as columns have it."""
    if value.tzinfo is None:
        return value
    return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
