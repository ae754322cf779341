"""Parquet files, by way of pyarrow: of the file only the wanted columns are read."""

from runyard.job.datasets.reading import columns, packages
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from runyard.job.datasets.reading.wanted import Wanted


def read(path: "Any", name: str, wanted: "Wanted") -> "Any":
    """A frame of what is wanted of a file; ``path`` may be a file object.

    Raises UserErrorException without pyarrow, DatasetExecutionError for what is no parquet file.
    """
    pa = packages.needed_pyarrow()
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = wanted.of(file.schema_arrow.names)
        if not names:
            return _without_columns(file, wanted.limit)
        if wanted.limit is None:
            table = file.read(columns=names, use_threads=True)
        else:
            table = _first(pa, file, names, wanted.limit)
        return _frame(pa, table)
    except (pa.ArrowInvalid, OSError) as error:
        raise DatasetExecutionError(
            "{} cannot be read as parquet: {}; choose only parquet files, such as "
            "(datastore, 'folder/*.parquet')".format(name, error),
            error,
        )


def _without_columns(file: "Any", limit: "Optional[int]") -> "Any":
    """The rows alone: they are counted."""
    import pandas as pd

    count = file.metadata.num_rows
    return pd.DataFrame(index=range(count if limit is None else min(count, limit)))


def _first(pa: "Any", file: "Any", names: "Any", limit: int) -> "Any":
    """The first rows, of as few row groups as have them."""
    if not file.num_row_groups:
        return file.read(columns=names).slice(0, limit)
    groups, rows = 0, 0
    while groups < file.num_row_groups and (rows < limit or not groups):
        rows += file.metadata.row_group(groups).num_rows
        groups += 1
    return file.read_row_groups(list(range(groups)), columns=names).slice(0, limit)


def _frame(pa: "Any", table: "Any") -> "Any":
    table = table.replace_schema_metadata(None)  # an index that pandas wrote is a column here
    try:
        frame = table.to_pandas()
    except pa.ArrowInvalid:  # times that nanoseconds cannot hold
        frame = table.to_pandas(timestamp_as_object=True)
    for number, field in enumerate(table.schema):
        if frame.iloc[:, number].dtype.kind == "M":
            frame[field.name] = columns.plain_or_objects(frame[field.name])
        elif pa.types.is_date(field.type):
            frame[field.name] = columns.of_dates(frame[field.name])
    return frame
