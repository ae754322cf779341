"""Columns that are in the paths of files: ``partition_format`` (spec 15.3).

``/{country}/{day:yyyy/MM/dd}/data.csv`` makes of ``…/NZ/2019/01/31/data.csv`` the text column
``country`` and the datetime column ``day``. A format describes the end of a path; ``*`` and
``{*}`` are any text within a name, ``**`` any folders.
"""

import datetime
import re

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

_DIGITS = {"yyyy": 4, "MM": 2, "dd": 2, "HH": 2, "mm": 2, "ss": 2}
_FIELDS = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second"}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*\*/)|(\*+)")
_DATE_PART = re.compile("|".join(_DIGITS))


class PartitionFormat:
    """A partition format, ready to be matched. Raises UserErrorException for one with a mistake."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: "List[str]" = []
        """The names of its columns, in order."""
        self.dates: "List[str]" = []
        """Those that are datetimes."""
        self._groups: "List[Tuple[str, Optional[str]]]" = []
        pattern, end = "", 0
        plain = text.lstrip("/")
        for token in _TOKEN.finditer(plain):
            pattern += re.escape(plain[end : token.start()]) + self._of_token(token)
            end = token.end()
        pattern += re.escape(plain[end:])
        if not self.columns or re.search(r"[{}]", _TOKEN.sub("", plain)):
            raise _mistake(text)
        self._pattern = re.compile(r"(?:\A|.*/)" + pattern + r"\Z", re.DOTALL)

    def _of_token(self, token: "Any") -> str:
        inner, folders, stars = token.groups()
        if folders:
            return "(?:[^/]+/)*"
        if stars or inner == "*":
            return "[^/]*"
        name, colon, date = inner.partition(":")
        if not name.strip() or (colon and not _DATE_PART.search(date)):
            raise _mistake(self.text)
        if name not in self.columns:
            self.columns.append(name)
        if not colon:
            self._groups.append((name, None))
            return "([^/]+?)"
        if name not in self.dates:
            self.dates.append(name)
        return self._of_date(name, date)

    def _of_date(self, name: str, date: str) -> str:
        pattern, end = "", 0
        for part in _DATE_PART.finditer(date):
            self._groups.append((name, part.group()))
            pattern += re.escape(date[end : part.start()])
            pattern += r"([0-9]{{{}}})".format(_DIGITS[part.group()])
            end = part.end()
        return pattern + re.escape(date[end:])

    def values(self, path: str) -> "Dict[str, str]":
        """The values of the columns in a path; datetimes as ISO 8601.

        Raises UserErrorException for a path that is not of this format.
        """
        found = self._pattern.match(path)
        if found is None:
            raise self._other(path)
        parts: "Dict[str, Dict[str, int]]" = {}
        values: "Dict[str, str]" = {}
        for (name, field), text in zip(self._groups, found.groups()):
            if field is None:
                values[name] = text
            else:
                parts.setdefault(name, {})[_FIELDS[field]] = int(text)
        for name, fields in parts.items():
            try:
                first = datetime.datetime(1900, 1, 1)
                values[name] = first.replace(**fields).isoformat()  # type: ignore[arg-type]
            except ValueError:
                raise self._other(path)
        return {name: values[name] for name in self.columns}

    def typed(self, values: "Dict[str, str]") -> "Dict[str, Any]":
        """Values with datetimes in place of their text."""
        return {
            name: parse_datetime(value) if name in self.dates else value
            for name, value in values.items()
        }

    def _other(self, path: str) -> UserErrorException:
        return UserErrorException(
            "the path {!r} is not of partition_format={!r}; let the format describe the end of "
            "every path from its first column on, or choose only files that have it".format(
                path, self.text
            )
        )


def parse_datetime(text: str) -> "datetime.datetime":
    """A datetime from `isoformat` without a zone; Python 3.6 has no ``fromisoformat``."""
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"):
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError("no datetime: {!r}".format(text))


def _mistake(text: str) -> UserErrorException:
    return UserErrorException(
        "partition_format={!r} cannot be read; name columns as {{column}}, or "
        "{{column:yyyy/MM/dd}} for a datetime (parts: yyyy, MM, dd, HH, mm, ss), such as "
        "'/{{country}}/{{day:yyyy-MM-dd}}.csv'".format(text)
    )
