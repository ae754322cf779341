"""Types, modes and errors that SDK v1 has names for (``azureml.data``; spec 15.3)."""

import enum

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Union


class DatasetValidationError(UserErrorException):
    """A dataset was not as it was said to be."""


class DatasetExecutionError(UserErrorException):
    """A dataset could not be read."""


class PromoteHeadersBehavior(enum.Enum):
    """Which of several files begin with a line of names."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


class SkipLinesBehavior(enum.Enum):
    """Of which files lines are skipped."""

    NO_ROWS = 0
    FROM_FIRST_FILE_ONLY = 1
    FROM_ALL_FILES = 2


class FileEncoding(enum.Enum):
    """Encodings of text files."""

    UTF8 = 0
    ISO88591 = 1
    LATIN1 = 2
    ASCII = 3
    WINDOWS1252 = 4


class FileType(enum.Enum):
    """Kinds of files."""

    GENERIC_CSV = 0
    UNKNOWN = 1


class HistogramCompareMethod(enum.Enum):
    """Ways to compare histograms."""

    WASSERSTEIN = 0
    ENERGY = 1


class DataType:
    """The type of a column, for ``set_column_types``; made by the methods ``to_…``."""

    def __init__(self, content: "Dict[str, Any]") -> None:
        self._content = content

    @staticmethod
    def to_string() -> "DataType":
        """Text."""
        return DataType({"type": "string"})

    @staticmethod
    def to_long() -> "DataType":
        """Whole numbers."""
        return DataType({"type": "long"})

    @staticmethod
    def to_float(decimal_mark: str = ".") -> "DataType":
        """Numbers; ``decimal_mark`` is '.' or ','."""
        if decimal_mark not in (".", ","):
            raise UserErrorException(
                "decimal_mark={!r} is not known; give '.' or ','".format(decimal_mark)
            )
        return DataType({"type": "float", "decimal_mark": decimal_mark})

    @staticmethod
    def to_bool(
        true_values: "Optional[Sequence[str]]" = None,
        false_values: "Optional[Sequence[str]]" = None,
        mismatch_as: str = "error",
    ) -> "DataType":
        """True and False, by default from 'true', '1' and 'false', '0' in letters of any case.

        ``mismatch_as``: what other text is: 'error', 'true' or 'false'.
        """
        if mismatch_as not in ("error", "true", "false"):
            raise UserErrorException(
                "mismatch_as={!r} is not known; give 'error', 'true' or 'false'".format(mismatch_as)
            )
        content = {
            "type": "bool",
            "true": list(true_values or ("true", "1")),
            "false": list(false_values or ("false", "0")),
            "mismatch_as": mismatch_as,
        }
        return DataType(content)

    @staticmethod
    def to_datetime(formats: "Union[str, Sequence[str], None]" = None) -> "DataType":
        """Datetimes: ISO 8601, or of the first of these formats (of ``strptime``) that fits."""
        given = [formats] if isinstance(formats, str) else list(formats or ())
        return DataType({"type": "datetime", "formats": given})

    @staticmethod
    def to_stream(workspace: "Any" = None) -> "DataType":
        """Paths of files, as text."""
        return DataType({"type": "string"})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataType) and self._content == other._content

    def __hash__(self) -> int:
        return hash(repr(sorted(self._content.items(), key=str)))

    def __repr__(self) -> str:
        return "DataType({!r})".format(self._content)


def checked_types(types: "Any") -> "Optional[Dict[str, Dict[str, Any]]]":
    """``set_column_types`` as JSON. Raises UserErrorException."""
    if types is None:
        return None
    if not isinstance(types, dict):
        raise UserErrorException(
            "set_column_types is {!r} of type {}; give a dict such as {{'age': "
            "DataType.to_long()}}".format(types, type(types).__name__)
        )
    found = {}
    for names, kind in types.items():
        if not isinstance(kind, DataType):
            raise UserErrorException(
                "set_column_types has {!r} for {!r}; give a DataType such as "
                "DataType.to_long()".format(kind, names)
            )
        for name in names if isinstance(names, tuple) else (names,):
            found[str(name)] = kind._content
    return found


def header_of(header: "Any") -> str:
    """``header`` as it is in a definition: 'none', 'first', 'combined' or 'same'."""
    if isinstance(header, bool):
        return "same" if header else "none"
    value = getattr(header, "value", header)
    known: "List[str]" = ["none", "first", "combined", "same"]
    if isinstance(value, int) and 0 <= value < len(known):
        return known[value]
    raise UserErrorException(
        "header={!r} is not known; give True, False or a member of PromoteHeadersBehavior".format(
            header
        )
    )
