"""Delimited text by way of pyarrow: several times as fast as pandas, and the same to the user."""

from runyard.job.datasets.reading import columns, delimited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Mapping, Set, Tuple

    from runyard.job.datasets.reading.columns import Faults
    from runyard.job.datasets.reading.delimited import Layout
    from runyard.job.datasets.reading.wanted import Wanted

_ENCODINGS_SINCE = 4
"""The first version that reads what is not UTF-8."""
_ZONES_SINCE = 7
"""The first version that takes times with zones for times."""


def read(
    path: str,
    layout: "Layout",
    options: "Mapping[str, Any]",
    wanted: "Wanted",
    faults: "Faults",
) -> "Any":
    """A frame of the wanted columns; None where pyarrow does not take the file."""
    import pyarrow as pa

    version = int(pa.__version__.partition(".")[0])
    if version < _ENCODINGS_SINCE and not delimited.is_utf8(options):
        return None
    names = wanted.of(layout.names)
    text = {n for n in names if not options.get("infer", True) or n in wanted.as_text}
    text |= delimited.typed(options) | layout.text
    # An empty list means all columns to it, and the rows are to be counted.
    asked = names or layout.names[:1]
    try:
        table = _table(path, layout, options, asked, text)
        table, beyond = _with_datetimes(table)
        times = {f.name for f in table.schema if pa.types.is_time(f.type)}  # text to everybody else
        if times or beyond:
            again = _table(path, layout, options, asked, text | times | beyond)
            table, _ = _with_datetimes(again)
    except pa.ArrowInvalid:
        # Lines of other lengths, or line breaks in quotes, which it does not expect by default.
        return None
    if any(pa.types.is_binary(field.type) for field in table.schema):
        return None  # no UTF-8, pandas says where
    frame = _frame(table)[names] if not names else _frame(table)
    late = set() if version >= _ZONES_SINCE else set(names) - text
    for name in beyond | {name for name in late if _has_zones(frame[name])}:
        frame[name] = columns.datetimes(frame[name].astype(object), faults)
    return frame


def _has_zones(column: "Any") -> bool:
    values = column.dropna()
    return column.dtype == object and len(values) > 0 and columns.all_iso(list(values))


def _table(
    path: str,
    layout: "Layout",
    options: "Mapping[str, Any]",
    names: "List[str]",
    text: "Set[str]",
) -> "Any":
    import pyarrow as pa
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types={name: pa.string() for name in names if name in text},
        include_columns=names,
        null_values=[""],
        strings_can_be_null=not options.get("empty_as_string"),
        true_values=list(delimited.TRUE),
        false_values=list(delimited.FALSE),
    )
    reading = csv.ReadOptions(column_names=layout.names, skip_rows=layout.skip)
    if not delimited.is_utf8(options):
        reading.encoding = options["encoding"]
    parsing = csv.ParseOptions(
        delimiter=options.get("separator", ","),
        newlines_in_values=bool(options.get("multi_line")),
    )
    try:
        if layout.compression is None:  # a path is mapped into memory, a stream is copied
            return csv.read_csv(path, reading, parsing, convert)
        with pa.input_stream(path, compression=layout.compression) as stream:
            return csv.read_csv(stream, reading, parsing, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        return pa.table({name: pa.array([], pa.string()) for name in names})


def _with_datetimes(table: "Any") -> "Tuple[Any, Set[str]]":
    """Dates and times as nanoseconds, and the columns of which those cannot hold all."""
    import pyarrow as pa

    beyond = set()
    for number, field in enumerate(table.schema):
        found = table.column(number)
        if pa.types.is_date(field.type):
            found = found.cast(pa.timestamp("s"))
        elif not pa.types.is_timestamp(field.type):
            continue
        try:
            made = found.cast(pa.timestamp("ns", tz=found.type.tz))
            table = table.set_column(number, field.name, made)
        except pa.ArrowInvalid:
            beyond.add(field.name)
    return table, beyond


def _frame(table: "Any") -> "Any":
    # Separate blocks spare a copy; of columns in one piece nobody might write to them.
    several = all(column.num_chunks > 1 for column in table.columns)
    frame = table.to_pandas(split_blocks=several, self_destruct=True)
    for name in frame.columns:
        if frame[name].dtype.kind == "M":
            frame[name] = columns.plain(frame[name])
    return frame
