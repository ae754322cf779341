"""Rows written to a datastore as files, and the datasets of them."""

import datetime
import os
import re
import shutil
import tempfile
import uuid
from urllib.parse import quote

from runyard.errors import UserErrorException
from runyard.job.datasets import arguments, definition, paths, service_client
from runyard.job.datasets.file import FileDataset
from runyard.job.datasets.reading import packages
from runyard.job.datasets.tabular import TabularDataset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from runyard.record.layout import WorkspaceDirectory

CONVERTED = "converted-datasets"
"""The folder on the default datastore that converted datasets are written to, by their ids."""


def as_files(dataset: TabularDataset, kind: str, separator: str = ",") -> FileDataset:
    """The rows of a dataset as one file on the default datastore. Raises UserErrorException."""
    directory = dataset._directory
    if directory is None:
        raise UserErrorException(
            "it is not known to which workspace's datastore the files should go; register the "
            "dataset first: dataset = dataset.register(workspace, 'name')"
        )
    frame = dataset.to_pandas_dataframe()
    form = kind if separator == "," else "{}-{}".format(kind, separator.encode("utf8").hex())
    folder = "{}/{}/{}".format(CONVERTED, dataset.id, form)
    store = service_client.call("default", directory)

    def write(path: str) -> None:
        if kind == "csv":
            frame.to_csv(path, sep=separator, index=False)
        else:
            to_parquet(frame, path)

    _put(directory, store, {"{}/part-00000.{}".format(folder, kind): write})
    return FileDataset(definition.of_files([(store, folder)]), directory)


def to_parquet(frame: "Any", path: str, row_group_size: "Optional[int]" = None) -> None:
    """Write a frame as a parquet file. Raises UserErrorException without pyarrow."""
    pa = packages.needed_pyarrow()
    from pyarrow import parquet

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise UserErrorException(
            "the rows cannot be written as parquet: {}; give every column values of one "
            "type and a name of its own".format(error),
            error,
        )
    # Parquet files of version 1 have no nanoseconds; old pyarrow would refuse them.
    parquet.write_table(
        table,
        path,
        row_group_size=row_group_size,
        coerce_timestamps="us",
        allow_truncated_timestamps=True,
    )


def _put(
    directory: "WorkspaceDirectory",
    store: str,
    files: "Dict[str, Callable[[str], None]]",
    overwrite: bool = True,
) -> None:
    """Write files beside, by their paths on the datastore, and store them."""
    folder = tempfile.mkdtemp(prefix="runyard-dataset-")
    try:
        pairs = []
        for number, (path, write) in enumerate(files.items()):
            local = os.path.join(folder, str(number))
            write(local)
            pairs.append((local, path))
        service_client.call("put", directory, datastore=store, pairs=pairs, overwrite=overwrite)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def partitioned(  # noqa: PLR0917
    dataset: TabularDataset,
    keys: "Any",
    target: "Any",
    name: "Optional[str]",
    show_progress: bool,
    as_file_dataset: bool,
) -> "Any":
    """See `TabularDataset.partition_by`."""
    names = arguments.checked_columns(keys)
    store, path = paths.place_of(target)
    directory = arguments.workspace_of(store.workspace)
    frame = dataset.to_pandas_dataframe()
    missing = [key for key in names if key not in frame.columns]
    if missing:
        raise UserErrorException(
            "partition_keys names {}, and the dataset has the columns {}".format(
                ", ".join(map(repr, missing)), ", ".join(map(repr, frame.columns))
            )
        )
    if set(frame.columns) <= set(names):
        raise UserErrorException(
            "partition_keys names all columns of the dataset, and the files would have none; leave "
            "one out of {}".format(", ".join(map(repr, names)))
        )
    head = _below(paths.inside(path), str(uuid.uuid4()))
    groups = dict(_groups(frame, names))
    files = {_below(head, folder, "data.parquet"): _writer(rows) for folder, rows in groups.items()}
    if show_progress:
        print("Writing {} partitions to {!r} on {!r}".format(len(files), head, store.name))
    _put(directory, store.name, files)
    dates = [key for key in names if frame[key].dtype.kind == "M"]
    form = "/".join("{" + key + (_DATE if key in dates else "") + "}" for key in names)
    sources = [(store.name, head + "/**")]
    if as_file_dataset:
        made: "Any" = FileDataset(definition.of_files(sources, form + "/data.parquet"), directory)
    else:
        content = definition.of_table(sources, {"kind": "parquet"}, form + "/data.parquet")
        made = TabularDataset(content, directory)
    return made if name is None else made.register(directory, name, create_new_version=True)


_NO_NAME = re.compile(r"[%/\x00-\x1f\x7f]")
"""What no name of a folder has everywhere, and what stands for it."""
_DATE = ":yyyy-MM-dd-HH-mm-ss"


def _groups(frame: "Any", names: "List[str]") -> "Any":
    """The rows of each combination of values, without the keys, by the folder they go to.

    Raises UserErrorException for values that a folder cannot be named by: rows would be lost.
    """
    for name in names:
        _check_key(frame[name])
    found: "Dict[str, Any]" = {}
    for values, rows in frame.groupby(names if len(names) > 1 else names[0], sort=True):
        key = values if isinstance(values, tuple) else (values,)
        folder = "/".join(_folder_of(value) for value in key)
        if folder in found:
            raise UserErrorException(
                "partition_keys={!r}: two of their values would have the same folder {!r}; make "
                "the columns of one type".format(names, folder)
            )
        found[folder] = rows.drop(columns=names)
    return found


def _check_key(column: "Any") -> None:
    missing = int(column.isnull().sum())
    if missing or (column.astype(object) == "").any():
        raise UserErrorException(
            "the partition key {!r} has no value in {} rows, and so no folder for them; leave them "
            "out with filter, or give them a value".format(
                column.name, missing or int((column.astype(object) == "").sum())
            )
        )
    if column.dtype.kind == "M" and (column != column.dt.floor("s")).any():
        raise UserErrorException(
            "the partition key {!r} has times with parts of seconds, which names of folders do "
            "not have; make a column of days or seconds of it".format(column.name)
        )


def _folder_of(value: "Any") -> str:
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d-%H-%M-%S")
    text = _NO_NAME.sub(lambda found: quote(found.group(), safe=""), str(value))
    return text if text.strip(".") else text.replace(".", "%2E")


def _writer(rows: "Any") -> "Callable[[str], None]":
    return lambda path: to_parquet(rows, path)


def _below(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def register_frame(  # noqa: PLR0917
    frame: "Any",
    target: "Any",
    name: str,
    description: "Optional[str]",
    tags: "Optional[Dict[str, str]]",
    show_progress: bool,
    row_group_size: "Optional[int]",
    make_target_path_unique: bool,
) -> TabularDataset:
    """See `TabularDatasetFactory.register_pandas_dataframe`."""
    pd = packages.pandas()
    if not isinstance(frame, pd.DataFrame):
        raise UserErrorException(
            "dataframe is {!r} of type {}; give a DataFrame of pandas".format(
                frame, type(frame).__name__
            )
        )
    store, path = paths.place_of(target)
    directory = arguments.workspace_of(store.workspace)
    head = paths.inside(path)
    folder = _below(head, str(uuid.uuid4())) if make_target_path_unique or not head else head
    if show_progress:
        print("Validating arguments.")
        print("Uploading dataframe to {!r} on {!r}.".format(folder, store.name))
    plain = frame.rename(columns=str)
    _put(
        directory, store.name, {_below(folder, "part-00000.parquet"): _sized(plain, row_group_size)}
    )
    made = TabularDataset(
        definition.of_table([(store.name, folder)], {"kind": "parquet"}), directory
    )
    if show_progress:
        print("Successfully uploaded file to datastore. Creating and registering a new dataset.")
    return made.register(directory, name, description, tags, create_new_version=True)


def _sized(frame: "Any", size: "Optional[int]") -> "Callable[[str], None]":
    return lambda path: to_parquet(frame, path, size)
