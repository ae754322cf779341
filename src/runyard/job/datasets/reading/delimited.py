"""Delimited text: what a value is, whoever reads it.

An empty field is missing (or '' in a column of text, with ``empty_as_string``). With inference a
column is whole numbers, numbers (``nan`` and ``inf`` among them), booleans (true and false, in
letters of any case), datetimes (ISO 8601; with zones they become UTC), or text, by all values of
it that are read; without inference it is text. A line with fewer fields than the header has missing
values at its end, one with more is an error. Blank lines do not count.
"""

import codecs
import csv
import gzip
import io
import itertools

from runyard.job.datasets.reading import packages
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, FrozenSet, List, Mapping, Optional

    from runyard.job.datasets.reading.columns import Faults
    from runyard.job.datasets.reading.wanted import Wanted


def _spellings(word: str) -> "List[str]":
    """A word in letters of any case."""
    return ["".join(letters) for letters in itertools.product(*zip(word.lower(), word.upper()))]


TRUE, FALSE = _spellings("true"), _spellings("false")
SAMPLE_ROWS = 200
"""So many rows say of which types the columns are where fewer are asked for."""

NONE = "\x1f"
"""A separator that is in no text."""

_LONGEST_FIELD = 2**31 - 1
"""In characters; the most that the module csv takes everywhere."""

_UTF8 = ("utf8", "utf-8", "ascii", "us-ascii")
_ONE_BYTE = ("iso8859-1", "cp1252")
"""Encodings that pyarrow may read: a letter is a byte."""


class Layout:
    """How a file is laid out: ``names`` of columns, and ``skip``, the lines before its first row.

    ``compression``: 'gzip', 'bz2' or None, by the name of the file. ``text``: columns that begin
    with such as 0x0F, which pyarrow alone takes for numbers: as names they keep their zeros.
    """

    def __init__(
        self, names: "List[str]", skip: int, compression: "Optional[str]", first: "List[List[str]]"
    ) -> None:
        self.names = names
        self.skip = skip
        self.compression = compression
        self.text = {
            name for row in first for name, value in zip(names, row) if value.lower()[:2] == "0x"
        }


def read(  # noqa: PLR0917
    path: str,
    name: str,
    options: "Mapping[str, Any]",
    wanted: "Wanted",
    names: "Optional[List[str]]",
    faults: "Faults",
) -> "Any":
    """A frame of what is wanted of a file. ``names``: of its columns, where it does not say.

    ``name``: for messages. Raises DatasetExecutionError for a file that cannot be read so.
    """
    try:
        layout = layout_of(path, name, options, names)
        if _fits_pyarrow(options, wanted):
            from runyard.job.datasets.reading import delimited_pyarrow

            frame = delimited_pyarrow.read(path, layout, options, wanted, faults)
            if frame is not None:
                return frame
        from runyard.job.datasets.reading import delimited_pandas

        return delimited_pandas.read(path, name, layout, options, wanted, faults)
    except UnicodeDecodeError as error:
        raise DatasetExecutionError(
            "{} is not text in {}: {}; {}".format(
                name, options.get("encoding", "utf8"), error, _remedy(path)
            ),
            error,
        )


def _remedy(path: str) -> str:
    """What to do with a file that is not text in the encoding that was given."""
    with open(path, "rb") as stream:
        head = stream.read(4)
    if head[:2] == b"\x1f\x8b":
        return "it is packed with gzip, and its name has to end in .gz"
    if head == b"PAR1":
        return "it is a parquet file: Dataset.Tabular.from_parquet_files reads it"
    found = "utf16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin1"
    return "give its encoding, such as encoding={!r}".format(found)


def _fits_pyarrow(options: "Mapping[str, Any]", wanted: "Wanted") -> bool:
    separator = options.get("separator", ",")
    return (
        wanted.limit is None
        and (is_utf8(options) or options["encoding"] in _ONE_BYTE)
        and len(separator) == 1
        and separator.isprintable() | (separator == "\t")
        and separator != '"'
        and packages.pyarrow() is not None
    )


def is_utf8(options: "Mapping[str, Any]") -> bool:
    """Whether the files are UTF-8."""
    return str(options.get("encoding", "utf8")).lower() in _UTF8


def typed(options: "Mapping[str, Any]") -> "FrozenSet[str]":
    """Columns whose type was given: they are read as text, and brought to it afterwards."""
    return frozenset(options.get("types") or ())


def layout_of(
    path: str, name: str, options: "Mapping[str, Any]", names: "Optional[List[str]]"
) -> Layout:
    """The layout of a file, by its first line. ``names``: of its columns when they are known.

    Raises DatasetExecutionError for a file that is to have a header and is empty.
    """
    compression = {"gz": "gzip", "bz2": "bz2"}.get(name.rpartition(".")[2])
    encoding = "utf-8-sig" if is_utf8(options) else options["encoding"]
    with _opened(path, compression, encoding) as stream:
        longest = csv.field_size_limit(
            _LONGEST_FIELD
        )  # 131,072 by default, and documents are longer
        try:
            rows = csv.reader(stream, delimiter=_delimiter(options))
            first = next((row for row in rows if row), None)
            skip = rows.line_num
            sample = list(itertools.islice(rows, SAMPLE_ROWS))
        finally:
            csv.field_size_limit(longest)
    if first and first[0].startswith("PK\x03\x04"):
        raise DatasetExecutionError(
            "{} is an Excel workbook or a zip archive, and no delimited text; unpack it, or give "
            "the frame of pandas.read_excel to Dataset.Tabular.register_pandas_dataframe".format(
                name
            )
        )
    separator = options.get("separator", ",")
    if first is not None and is_long(separator):
        first = first[0].split(separator)
    if names is not None:
        return Layout(names, 0, compression, [first or [], *sample])
    if options.get("header", "same") == "none":
        names = ["Column{}".format(n + 1) for n in range(len(first or ()))]
        return Layout(names, 0, compression, [first or [], *sample])
    if first is None:
        raise DatasetExecutionError(
            "{} is empty, and its first line should have the names of its columns; leave the "
            "file out, or give header=False".format(name)
        )
    return Layout(_distinct(first), skip, compression, sample)


def _delimiter(options: "Mapping[str, Any]") -> str:
    separator: str = options.get("separator", ",")
    return separator if len(separator) == 1 and separator not in "\r\n" else NONE


def is_long(separator: str) -> bool:
    """Whether a separator is several letters."""
    return len(separator) > 1 and separator != "\r\n"


def _opened(path: str, compression: "Optional[str]", encoding: str) -> "Any":
    if compression is None:
        return open(path, encoding=encoding, newline="")  # noqa: SIM115
    import bz2

    raw: "Any" = (gzip if compression == "gzip" else bz2).open(path)
    return io.TextIOWrapper(raw, encoding=encoding, newline="")


def _distinct(names: "List[str]") -> "List[str]":
    """Names of columns: none is empty, and none is there twice."""
    found: "Dict[str, int]" = {}
    made = []
    for number, name in enumerate(names):
        plain = name.strip() or "Column{}".format(number + 1)
        found[plain] = found.get(plain, -1) + 1
        made.append("{}_{}".format(plain, found[plain]) if found[plain] else plain)
    return made
