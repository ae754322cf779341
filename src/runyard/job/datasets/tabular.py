"""``TabularDataset``: rows of files and queries (spec 15.3)."""

import datetime
import os
import tempfile

from runyard.errors import DatasetTimestampMissingError, UserErrorException
from runyard.job.datasets import arguments, expressions
from runyard.job.datasets.dataset import AbstractDataset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple, Union


class TabularDataset(AbstractDataset):
    """Rows, of which none is read before `to_pandas_dataframe`; made by ``Dataset.Tabular``."""

    def to_pandas_dataframe(
        self, on_error: str = "null", out_of_range_datetime: str = "null"
    ) -> "Any":
        """The rows as a DataFrame of pandas.

        ``on_error``: what a value is that is not of the type that ``set_column_types`` gives:
        missing ('null'), or an error ('fail'). ``out_of_range_datetime``: what a time is that
        datetime64[ns] cannot hold: 'null', 'fail', or 'object': then the column has datetimes of
        Python. Only files and columns that are needed are read. Raises DatasetExecutionError.
        """
        from runyard.job.datasets.reading import table
        from runyard.job.datasets.reading.columns import Faults

        _check_one("on_error", on_error, ("null", "fail"))
        _check_one("out_of_range_datetime", out_of_range_datetime, ("null", "fail", "object"))
        faults = Faults(on_error, out_of_range_datetime)
        reader = self._definition["reader"]
        if reader["kind"] != "sql":
            return table.read(self._definition, self._files(), self._localized, faults)
        return self._queried(dict(self._definition, reader=dict(reader, kind="rows")), faults)

    def _queried(self, content: "Dict[str, Any]", faults: "Any") -> "Any":
        """The rows of queries, which the stores' side writes to files that are read here."""
        from runyard.job.datasets.reading import table, wanted

        limit = wanted.of_steps(content["steps"]).limit
        with tempfile.TemporaryDirectory(prefix="runyard-query-") as folder:
            files = []
            for number, source in enumerate(self._sources()):
                path = os.path.join(folder, str(number))
                self._asked("query", source=source, limit=limit, target=path)
                files.append({"path": "query", "values": {}, "local": path})
            return table.read(content, files, lambda some: [f["local"] for f in some], faults)

    def to_dask_dataframe(
        self,
        sample_size: int = 10000,
        dtypes: "Any" = None,
        on_error: str = "null",
        out_of_range_datetime: str = "null",
    ) -> "Any":
        """The rows as a DataFrame of dask, one part for each file. Raises UserErrorException."""
        try:
            from dask import dataframe
        except ImportError as error:
            raise UserErrorException(
                "to_dask_dataframe needs dask, which this Python cannot import; install it: pip "
                "install 'dask[dataframe]', or use to_pandas_dataframe()",
                error,
            )
        frame = self.to_pandas_dataframe(on_error, out_of_range_datetime)
        parts = 1 if self._definition["reader"]["kind"] == "sql" else len(self._files())
        return dataframe.from_pandas(frame, npartitions=max(1, parts))

    def to_spark_dataframe(self) -> "Any":
        """Not here: raises UserErrorException."""
        raise UserErrorException(
            "to_spark_dataframe is not here: runyard has no Spark. Use to_pandas_dataframe(), and "
            "spark.createDataFrame of it, or spark.read on the files themselves"
        )

    # columns ----------------------------------------------------------------------------------

    def keep_columns(
        self, columns: "Union[str, List[str]]", validate: bool = False
    ) -> "TabularDataset":
        """These columns alone, in this order; of parquet files nothing else is read.

        ``validate``: see at once whether they are there.
        """
        names = arguments.checked_columns(columns)
        made = self._stepped("keep_columns", columns=names)._with_timestamps(names)
        if validate:
            made.take(1).to_pandas_dataframe()
        return made

    def drop_columns(self, columns: "Union[str, List[str]]") -> "TabularDataset":
        """All other columns."""
        names = arguments.checked_columns(columns)
        left = [name for name in self.timestamp_columns if name and name not in names]
        return self._stepped("drop_columns", columns=names)._with_timestamps(left)

    def _with_timestamps(self, left: "List[str]") -> "TabularDataset":
        """Without the timestamp columns that are gone."""
        found = self._definition.get("timestamp") or {}
        kept = {key: name for key, name in found.items() if name in left}
        return self._with(_with_timestamp(self._definition, kept))

    def __getitem__(self, key: str) -> expressions.Expression:
        """A column, for `filter`."""
        return expressions.column(key)

    def filter(self, expression: expressions.Expression) -> "TabularDataset":
        """The rows for which an expression is true, such as ``dataset['age'] > 30``.

        ``& | ~`` combine; a comparison with what is missing is false. A filter of columns of
        ``partition_format`` alone keeps the files from being read.
        """
        return self._stepped("filter", expression=expressions.checked(expression))

    # time -------------------------------------------------------------------------------------

    @property
    def timestamp_columns(self) -> "Tuple[Optional[str], Optional[str]]":
        """The columns of `with_timestamp_columns`: of the rows, and of their partition."""
        found = self._definition.get("timestamp") or {}
        return found.get("fine"), found.get("coarse")

    def with_timestamp_columns(
        self,
        timestamp: "Optional[str]" = None,
        partition_timestamp: "Optional[str]" = None,
        validate: bool = False,
        **kwargs: "Any",
    ) -> "TabularDataset":
        """The dataset with the columns that say when a row is of, for the ``time_`` methods.

        ``partition_timestamp``: a column of ``partition_format``, by which whole files are left
        out. ``validate``: see at once whether they are datetimes. Raises UserErrorException.
        """
        fine = timestamp or kwargs.pop("fine_grain_timestamp", None)
        coarse = partition_timestamp or kwargs.pop("coarse_grain_timestamp", None)
        if kwargs:
            raise TypeError(
                "with_timestamp_columns() got an unexpected keyword argument {!r}".format(
                    sorted(kwargs)[0]
                )
            )
        if fine is None and coarse is not None:
            raise UserErrorException(
                "partition_timestamp={!r} needs a timestamp; give timestamp={!r} as well".format(
                    coarse, coarse
                )
            )
        given = {"fine": fine, "coarse": coarse}
        kept = {key: name for key, name in given.items() if name is not None}
        made = self._with(_with_timestamp(self._definition, kept))
        if validate:
            made._check_timestamps(list(kept.values()))
        return made

    def _check_timestamps(self, names: "List[str]") -> None:
        frame = self.take(1).to_pandas_dataframe()
        for name in names:
            if name not in frame.columns:
                raise UserErrorException(
                    "there is no column {!r} for the times; there is {}".format(
                        name, ", ".join(map(repr, frame.columns)) or "none"
                    )
                )
            if frame[name].dtype.kind != "M":
                raise UserErrorException(
                    "{!r} is no column of datetimes; make it one: set_column_types={{{!r}: "
                    "DataType.to_datetime()}}".format(name, name)
                )

    def time_before(
        self, end_time: "Any", include_boundary: bool = True, validate: bool = True
    ) -> "TabularDataset":
        """The rows up to a time, or before it. Raises DatasetTimestampMissingError, see below."""
        return self._in_time(None, end_time, include_boundary, validate)

    def time_after(
        self, start_time: "Any", include_boundary: bool = True, validate: bool = True
    ) -> "TabularDataset":
        """The rows from a time on, or after it."""
        return self._in_time(start_time, None, include_boundary, validate)

    def time_between(
        self,
        start_time: "Any",
        end_time: "Any",
        include_boundary: bool = True,
        validate: bool = True,
    ) -> "TabularDataset":
        """The rows between two times."""
        return self._in_time(start_time, end_time, include_boundary, validate)

    def time_recent(
        self, time_delta: "Any", include_boundary: bool = True, validate: bool = True
    ) -> "TabularDataset":
        """The rows of the last time, counted back from now (UTC); ``time_delta``: a timedelta.

        Raises UserErrorException for anything else.
        """
        if not isinstance(time_delta, datetime.timedelta):
            raise UserErrorException(
                "time_delta is {!r} of type {}; give a timedelta, such as timedelta(days=7)".format(
                    time_delta, type(time_delta).__name__
                )
            )
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        return self._in_time(now - time_delta, None, include_boundary, validate)

    def _in_time(
        self, start: "Any", end: "Any", include_boundary: bool, validate: bool
    ) -> "TabularDataset":
        """Rows between two times. Raises DatasetTimestampMissingError without a timestamp column.

        ``validate``: see at once whether it has datetimes.
        """
        fine, coarse = self.timestamp_columns
        if fine is None:
            raise DatasetTimestampMissingError(
                "the dataset has no timestamp column; name it first: "
                "dataset.with_timestamp_columns('column')"
            )
        for name, time in (("start_time", start), ("end_time", end)):
            if time is not None and not isinstance(time, datetime.date):
                raise UserErrorException("{} is {!r}; give a datetime".format(name, time))
        if validate:
            self._check_timestamps([name for name in (fine, coarse) if name])
        rule = _between(fine, start, end, include_boundary)
        if coarse is not None and coarse != fine and end is not None:
            # A partition begins at its time and its rows are later: only its end can be known.
            rule_of_files = expressions.column(coarse) <= end
            return self.filter(rule_of_files).filter(rule)
        return self.filter(rule)

    # writing ----------------------------------------------------------------------------------

    def to_csv_files(self, separator: str = ",") -> "Any":
        """A file dataset of the rows as CSV, written to the default datastore now."""
        from runyard.job.datasets import writing

        return writing.as_files(self, "csv", separator)

    def to_parquet_files(self) -> "Any":
        """A file dataset of the rows as parquet, written to the default datastore now."""
        from runyard.job.datasets import writing

        return writing.as_files(self, "parquet")

    def partition_by(  # noqa: PLR0917
        self,
        partition_keys: "List[str]",
        target: "Any",
        name: "Optional[str]" = None,
        show_progress: bool = True,
        partition_as_file_dataset: bool = False,
    ) -> "Any":
        """Write the rows as parquet files, one folder for each value of the keys; the new dataset.

        ``target``: (datastore, 'folder') or a DataPath. ``name``: register it under that name.
        ``partition_as_file_dataset``: as a file dataset.
        """
        from runyard.job.datasets import writing

        return writing.partitioned(
            self, partition_keys, target, name, show_progress, partition_as_file_dataset
        )

    # what is not here -------------------------------------------------------------------------

    def get_profile(self, workspace: "Any" = None) -> "Any":
        """Not here: raises UserErrorException."""
        raise _no_profile("get_profile")

    def get_profile_runs(self, workspace: "Any" = None) -> "Any":
        """Not here: raises UserErrorException."""
        raise _no_profile("get_profile_runs")

    def submit_profile_run(
        self, compute_target: "Any", experiment: "Any", cache_datastore_name: "Any" = None
    ) -> "Any":
        """Not here: raises UserErrorException."""
        raise _no_profile("submit_profile_run")

    def download(
        self,
        stream_column: str,
        target_path: "Optional[str]" = None,
        overwrite: bool = False,
        ignore_not_found: bool = True,
    ) -> "Any":
        """Not here: raises UserErrorException."""
        raise _no_streams("download")

    def mount(self, stream_column: str, mount_point: "Optional[str]" = None) -> "Any":
        """Not here: raises UserErrorException."""
        raise _no_streams("mount")


def _with_timestamp(content: "Dict[str, Any]", kept: "Dict[str, str]") -> "Dict[str, Any]":
    made = {key: value for key, value in content.items() if key != "timestamp"}
    return dict(made, timestamp=kept) if kept else made


def _between(name: str, start: "Any", end: "Any", include: bool) -> expressions.Expression:
    column = expressions.column(name)
    rules: "List[expressions.Expression]" = []
    if start is not None:
        rules.append(column >= start if include else column > start)
    if end is not None:
        rules.append(column <= end if include else column < end)
    return rules[0] if len(rules) == 1 else rules[0] & rules[1]


def _check_one(name: str, value: object, known: "Tuple[str, ...]") -> None:
    if value not in known:
        raise UserErrorException(
            "{}={!r} is not known; give one of {}".format(name, value, ", ".join(map(repr, known)))
        )


def _no_profile(name: str) -> UserErrorException:
    return UserErrorException(
        "{} is not here: profiles belong to the cloud service of Azure. "
        "dataset.to_pandas_dataframe().describe(include='all') says the same of the data".format(
            name
        )
    )


def _no_streams(name: str) -> UserErrorException:
    return UserErrorException(
        "{} of a tabular dataset is not here: a column of it is no file. Make a file dataset of "
        "the files themselves: Dataset.File.from_files((datastore, 'folder/**'))".format(name)
    )
