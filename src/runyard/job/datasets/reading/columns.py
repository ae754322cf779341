"""Columns brought to a type: datetimes of text, and what ``set_column_types`` asks for."""

import re
import warnings

from runyard.job.datasets.reading import kinds
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping

NANOSECONDS = "datetime64[ns]"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?"
ISO = re.compile(r"{}(?:[ T]{})?\Z".format(_DATE, _TIME))
ISO_WITH_ZONE = re.compile(r"{}[ T]{}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)\Z".format(_DATE, _TIME))
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*\Z")


_FIRST, _LAST = "1677-09-21T00:12:44", "2262-04-11T23:47:16"
"""What nanoseconds since 1970 reach."""


class Faults:
    """What is done with values that do not fit: ``on_error`` and ``out_of_range_datetime``."""

    def __init__(self, on_error: str, out_of_range: str) -> None:
        self.fail = on_error == "fail"
        self.out_of_range = out_of_range


_NONE_FITS = (
    "column {!r} has no value that is a {}, and all are missing: give it another type with "
    "set_column_types; to_pandas_dataframe(on_error='fail') names the first",
    "column {!r} has no value that is a {} of 1677 to 2262, and all are missing: give their "
    "format, such as DataType.to_datetime('%d/%m/%Y'); to_pandas_dataframe(on_error='fail') names "
    "the first",
)

NULLS = Faults("null", "null")
"""What does not fit is missing, and nothing is said of it."""


def converted(column: "Any", kind: "Mapping[str, Any]", faults: Faults, where: str) -> "Any":
    """A column as a type of ``set_column_types``. Raises DatasetExecutionError when it is to fail.

    ``where``: the file it is of, for messages.
    """
    convert = {
        "string": _to_text,
        "long": _to_long,
        "float": _to_float,
        "bool": _to_bool,
        "datetime": _to_datetime,
    }[kind["type"]]
    made = convert(column, kind, faults)
    lost = column.notnull() & made.isnull()
    if kind["type"] in ("long", "float"):
        lost &= column.map(lambda value: str(value).strip().lower() != "nan")
    if faults.fail and lost.any():
        raise DatasetExecutionError(
            "{}: {!r} in column {!r} is no {}; give the column another type with "
            "set_column_types, or read with on_error='null'".format(
                where, column[lost].iloc[0], column.name, kind["type"]
            )
        )
    if faults is not NULLS and lost.any() and not made.notnull().any():
        text = _NONE_FITS[kind["type"] == "datetime"].format(column.name, kind["type"])
        warnings.warn(text, UserWarning, stacklevel=6)
    return made


def is_missing(value: "Any") -> bool:
    """Whether a value is None, nan or NaT, which is no other than itself."""
    return value is None or bool(value != value)  # noqa: PLR0124


def _to_text(column: "Any", kind: "Mapping[str, Any]", faults: Faults) -> "Any":
    return text_of(column)


def text_of(column: "Any") -> "Any":
    """Values as text; what is missing stays missing."""
    if kinds.of(column) in (kinds.TEXT, kinds.NULL):
        return (
            column
            if column.dtype.kind == "O"
            else column.astype(object).where(column.notnull(), None)
        )
    made = column.astype(object)
    return made.map(lambda value: value if is_missing(value) else str(value))


def _to_float(column: "Any", kind: "Mapping[str, Any]", faults: Faults) -> "Any":
    import pandas as pd

    if kind.get("decimal_mark") == ",":
        column = column.map(_with_point)
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _with_point(value: "Any") -> "Any":
    return value.replace(".", "").replace(",", ".") if isinstance(value, str) else value


def _to_long(column: "Any", kind: "Mapping[str, Any]", faults: Faults) -> "Any":
    import pandas as pd

    found = pd.to_numeric(column, errors="coerce")
    if found.dtype.kind == "f":
        found = found.where(found == found.round())
        if not found.isnull().any() and len(found):
            return _exact(column, found)
    return found if found.dtype.kind in "iu" else found.astype("float64")


def _exact(column: "Any", found: "Any") -> "Any":
    """Whole numbers that were read by way of floats: large ones keep all digits."""
    if kinds.of(column) == kinds.TEXT and column.map(lambda v: bool(_WHOLE.match(v))).all():
        try:
            return column.map(int).astype("int64")
        except OverflowError:
            return found
    return found.astype("int64") if found.abs().max() < 2**63 else found


def _to_bool(column: "Any", kind: "Mapping[str, Any]", faults: Faults) -> "Any":
    known = {text.lower(): True for text in kind["true"]}
    known.update({text.lower(): False for text in kind["false"]})
    other = {"true": True, "false": False}.get(kind["mismatch_as"])

    def one(value: "Any") -> "Any":
        if is_missing(value):
            return None
        text = str(value).strip().lower()
        return known.get(text[:-2] if text.endswith(".0") else text, other)

    made = column.astype(object).map(one)
    return made.astype(bool) if len(made) and made.notnull().all() else made.astype(object)


def _to_datetime(column: "Any", kind: "Mapping[str, Any]", faults: Faults) -> "Any":
    if column.dtype.kind == "M":
        return plain(column)
    if not kind["formats"]:
        return datetimes(column.astype(object), faults)
    import pandas as pd

    made = None
    for form in kind["formats"]:
        found = pd.to_datetime(column, format=form, errors="coerce", utc=True)
        made = found if made is None else made.fillna(found)
    assert made is not None
    return plain(made)


def plain(column: "Any") -> "Any":
    """Datetimes in UTC without a zone, of nanoseconds, as SDK v1 has them."""
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column if str(column.dtype) == NANOSECONDS else column.astype(NANOSECONDS)


def plain_or_objects(column: "Any") -> "Any":
    """As `plain`; objects where nanoseconds cannot hold them."""
    try:
        return plain(column)
    except (ValueError, OverflowError):
        return column.astype(object).where(column.notnull(), None)


def of_dates(column: "Any") -> "Any":
    """Dates, as objects of Python, as datetimes."""
    import datetime

    def one(value: "Any") -> "Any":
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return datetime.datetime(value.year, value.month, value.day)
        return value

    made = column.map(one)
    return plain_or_objects(made) if made.dtype.kind == "M" else _of_objects(made)


def _of_objects(column: "Any") -> "Any":
    import pandas as pd

    if not column.notnull().any():
        return column
    try:
        return plain(pd.to_datetime(column))
    except (ValueError, OverflowError):
        return column


def datetimes(column: "Any", faults: Faults) -> "Any":
    """Datetimes of ISO 8601 text; other values are missing in it.

    Those that nanoseconds since 1970 cannot hold (before 1677, after 2262) are missing, raise
    DatasetExecutionError, or make it a column of objects, as ``out_of_range_datetime`` says.
    """
    import pandas as pd

    given = column.notnull()
    fit = given & column.map(lambda value: isinstance(value, str) and _in_range(value))
    made = pd.Series(pd.NaT, index=column.index, name=column.name).astype(NANOSECONDS)
    if fit.any():
        made[fit] = plain(_parsed(column[fit]))
    strange = given & ~fit & column.map(lambda value: isinstance(value, str) and _is_iso(value))
    return made if not strange.any() else _beyond(column, made, strange, faults)


def _beyond(column: "Any", made: "Any", strange: "Any", faults: Faults) -> "Any":
    if faults.out_of_range == "fail":
        raise DatasetExecutionError(
            "{!r} in column {!r} is out of the range of datetime64[ns] (1677 to 2262); read with "
            "out_of_range_datetime='null' or 'object'".format(column[strange].iloc[0], column.name)
        )
    if faults.out_of_range != "object":
        return made
    objects = made.astype(object).where(made.notnull(), None)
    objects[strange] = column[strange].map(_as_object)
    return objects


def _as_object(text: str) -> "Any":
    import datetime

    numbers = [int(part) for part in re.split(r"[^0-9]+", text)[:6] if part]
    try:
        return datetime.datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        return None


def _parsed(column: "Any") -> "Any":
    """Datetimes in UTC of ISO 8601 text; missing where it is none."""
    import pandas as pd

    options: "Dict[str, Any]" = {"errors": "coerce", "utc": True}
    if int(pd.__version__.partition(".")[0]) >= 2:
        options["format"] = "ISO8601"
    return pd.to_datetime(column, **options)


def _is_iso(text: str) -> bool:
    return bool(ISO.match(text) or ISO_WITH_ZONE.match(text))


def _in_range(text: str) -> bool:
    return _is_iso(text) and _FIRST <= text[:19].replace(" ", "T") <= _LAST


def are_days(values: "Any") -> bool:
    """Whether the dates that texts of ISO 8601 begin with are in the calendar, out of range."""
    import datetime

    try:
        for text in values:
            datetime.date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return not any(_in_range(text) for text in values)


def all_iso(values: "List[str]") -> bool:
    """Whether all are datetimes of ISO 8601: all with a zone, or all without."""
    if not all(isinstance(value, str) for value in values[:1]):
        return False
    return all(map(ISO.match, values)) or all(map(ISO_WITH_ZONE.match, values))
