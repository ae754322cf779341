"""Delimited text by way of pandas alone: any version of it that runs under Python 3.6 and later."""

import re
import warnings

from runyard.job.datasets.reading import columns, delimited, kinds
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping

    from runyard.job.datasets.reading.columns import Faults
    from runyard.job.datasets.reading.delimited import Layout
    from runyard.job.datasets.reading.wanted import Wanted

_MORE = "\0"
"""A column behind the last one, for lines that are too long: pandas would shift or cut them."""
_NUMBER = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?"
    r"|(?i:nan|inf|infinity))\s*\Z"
)


def read(  # noqa: PLR0917
    path: str,
    name: str,
    layout: "Layout",
    options: "Mapping[str, Any]",
    wanted: "Wanted",
    faults: "Faults",
) -> "Any":
    """A frame of the wanted columns. Raises DatasetExecutionError, UnicodeDecodeError."""
    import pandas as pd

    names = wanted.of(layout.names)
    infer = options.get("infer", True)
    text = [n for n in layout.names if not infer or n in wanted.as_text or n in layout.text]
    text += delimited.typed(options)
    separator = options.get("separator", ",")
    settings: "Dict[str, Any]" = {
        "sep": delimited.NONE if separator in ("\n", "\r\n") else separator,
        "header": None,
        "names": [*layout.names, _MORE],
        "index_col": False,
        "skiprows": layout.skip,
        "dtype": dict.fromkeys([*text, _MORE], object),
        "keep_default_na": False,
        "na_values": [""],
        "true_values": list(delimited.TRUE),
        "false_values": list(delimited.FALSE),
        "encoding": "utf-8-sig" if delimited.is_utf8(options) else options["encoding"],
        "compression": layout.compression,
        "low_memory": False,
    }
    if delimited.is_long(separator):
        settings = _for_python(dict(settings, sep=re.escape(separator)))
    if wanted.limit is not None:
        settings["nrows"] = max(wanted.limit, delimited.SAMPLE_ROWS)
    frame = _read(pd, path, name, settings)[names]
    for column in names:
        frame[column] = _inferred(frame[column], column not in text, options, faults)
    return frame if wanted.limit is None else frame.iloc[: wanted.limit]


def _read(pd: "Any", path: str, name: str, settings: "Dict[str, Any]") -> "Any":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of types, which are looked at below
            frame = pd.read_csv(path, **settings)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({column: [] for column in settings["names"]}, dtype=object)
    except pd.errors.ParserError as error:
        if "Too many columns specified" in str(error) and settings.get("engine") != "python":
            # pandas 1.3 to 2 says so of the column behind the last where no line has as many.
            return _read(pd, path, name, _for_python(settings))
        if "EOF inside string" in str(error):
            raise DatasetExecutionError(
                '{} has a quotation mark (") that opens a field and is never closed: {}; repair '
                "the file: a mark inside of a field is written twice".format(
                    name, str(error).strip()
                ),
                error,
            )
        raise _uneven(name, len(settings["names"]) - 1, str(error))
    more = frame[_MORE].dropna()
    if len(more):
        why = "row {} has {!r} behind the last column".format(more.index[0] + 1, more.iloc[0])
        raise _uneven(name, len(settings["names"]) - 1, why)
    return frame


def _for_python(settings: "Mapping[str, Any]") -> "Dict[str, Any]":
    """Settings for the parser in Python."""
    return {k: v for k, v in dict(settings, engine="python").items() if k != "low_memory"}


def _uneven(name: str, count: int, why: str) -> DatasetExecutionError:
    return DatasetExecutionError(
        "{} has {} by its first line, and lines that do not fit: {}; repair the file, or give its "
        "separator".format(name, "1 column" if count == 1 else "%d columns" % count, why.strip())
    )


def _inferred(column: "Any", infer: bool, options: "Mapping[str, Any]", faults: "Faults") -> "Any":
    """A column of pandas as it is to be: what pandas leaves as text looked at once more."""
    if column.dtype.kind == "u":
        return column.astype("float64")  # whole numbers that int64 does not hold
    if column.dtype.kind in "ifbM":
        return column if not (infer and kinds.of(column) == kinds.NULL) else _nulls(column)
    if infer:  # beside whole numbers that are too large, pandas leaves empty fields as they are
        column = column.where(column != "", None)
    values = column.dropna()
    if not len(values):
        return _nulls(column)
    if infer and isinstance(values.iloc[0], str):
        made = _from_text(column, values, faults)
        if made is not None:
            return made
    if options.get("empty_as_string") and isinstance(values.iloc[0], str):
        return column.fillna("")
    return column.where(column.notnull(), None) if column.dtype == object else column


def _nulls(column: "Any") -> "Any":
    return column.astype(object).where(column.notnull(), None)


def _from_text(column: "Any", values: "Any", faults: "Faults") -> "Any":
    """Numbers with nan among them, and datetimes; None for other text."""
    first = values.iloc[0]
    if _NUMBER.match(first) and all(map(_NUMBER.match, values)):
        return column.astype(object).map(float, na_action="ignore").astype("float64")
    if first[:4].isdigit() and columns.all_iso(list(values)):
        made = columns.datetimes(column.astype(object), faults)
        beyond = column[made.isnull() & column.notnull()]
        if not len(beyond):
            return made
        # Of times that are out of range and have parts of seconds pyarrow makes text.
        parts = any("." in text for text in values)
        return made if columns.are_days(beyond) and not parts else None
    return None
