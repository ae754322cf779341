"""``Dataset.Tabular``: datasets of rows (spec 15.3)."""

import numbers

from runyard.errors import UserErrorException
from runyard.job.datasets import arguments, definition, paths, service_client
from runyard.job.datasets.partitions import PartitionFormat
from runyard.job.datasets.tabular import TabularDataset
from runyard.job.datasets.types import checked_types, header_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class TabularDatasetFactory:
    """Makes tabular datasets; ``Dataset.Tabular``.

    ``path``: (datastore, 'folder/*.csv'), a list of such tuples, a DataPath, a DataReference, or
    one or more URLs. ``validate``: see at once whether there are files, and whether a first row
    can be read where pandas is installed. ``include_path``: a column ``Path`` with the path of the
    file a row is of. ``set_column_types``: a DataType for columns by name. ``partition_format``:
    columns in the paths, see `partitions`. All raise UserErrorException.
    """

    @staticmethod
    def from_delimited_files(  # noqa: PLR0917
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: "Optional[Dict[str, Any]]" = None,
        separator: str = ",",
        header: "Any" = True,
        partition_format: "Optional[str]" = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """A dataset of the rows of CSV and other delimited files, see `reading.delimited`.

        ``infer_column_types``: False: all columns are text. ``header``: True, False (the columns
        are Column1, Column2, …) or a member of PromoteHeadersBehavior. ``support_multi_line``:
        values in quotes have line breaks; they are read correctly without it too, it spares a
        second try. ``empty_as_string``: an empty field in a column of text is ''.
        """
        reader = _delimited(
            infer_column_types=infer_column_types,
            set_column_types=set_column_types,
            separator=separator,
            header=header,
            support_multi_line=support_multi_line,
            empty_as_string=empty_as_string,
            encoding=encoding,
            include_path=include_path,
        )
        return _of_path(path, reader, partition_format, validate)

    @staticmethod
    def from_parquet_files(
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        set_column_types: "Optional[Dict[str, Any]]" = None,
        partition_format: "Optional[str]" = None,
    ) -> TabularDataset:
        """A dataset of the rows of parquet files."""
        reader = _parquet(include_path=include_path, set_column_types=set_column_types)
        return _of_path(path, reader, partition_format, validate)

    @staticmethod
    def from_json_lines_files(  # noqa: PLR0917
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        set_column_types: "Optional[Dict[str, Any]]" = None,
        partition_format: "Optional[str]" = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """A dataset of rows that are JSON objects, one in each line.

        ``invalid_lines``: a line that is none is an 'error', or left out with 'drop'.
        """
        if invalid_lines not in ("error", "drop"):
            raise UserErrorException(
                "invalid_lines={!r} is not known; give 'error' or 'drop'".format(invalid_lines)
            )
        reader = _reader(
            "json_lines",
            include_path=bool(include_path),
            types=checked_types(set_column_types),
            invalid_lines=invalid_lines,
            encoding=_checked_encoding(encoding),
        )
        return _of_path(path, reader, partition_format, validate)

    @staticmethod
    def from_sql_query(
        query: "Any",
        validate: bool = True,
        set_column_types: "Optional[Dict[str, Any]]" = None,
        query_timeout: int = 30,
    ) -> TabularDataset:
        """A dataset of the rows of a query: ``(datastore, 'select …')``, or a DataPath.

        The datastore is a database: ``Datastore.register(workspace, 'sales', 'postgresql://…')``
        or ``register_azure_sql_database`` and its kin. ``query_timeout``: seconds.
        """
        store, text = paths.place_of(query)
        if not isinstance(text, str) or not text.strip():
            raise UserErrorException(
                "query is {!r}; give (datastore, 'select … from …')".format(text)
            )
        directory = arguments.workspace_of(store.workspace)
        source = {"datastore": store.name, "query": text, "timeout_s": _seconds(query_timeout)}
        reader = _reader("sql", types=checked_types(set_column_types))
        made = TabularDataset(definition.of_table([source], reader), directory)
        if validate:
            made.take(1).to_pandas_dataframe()
        return made

    @staticmethod
    def register_pandas_dataframe(  # noqa: PLR0917
        dataframe: "Any",
        target: "Any",
        name: str,
        description: "Optional[str]" = None,
        tags: "Optional[Dict[str, str]]" = None,
        show_progress: bool = True,
        row_group_size: "Optional[int]" = None,
        make_target_path_unique: bool = True,
    ) -> TabularDataset:
        """Store a DataFrame as parquet and register the dataset of it, as a new version.

        ``target``: (datastore, 'folder'), a datastore or a DataPath. ``make_target_path_unique``:
        in a new folder below it. ``row_group_size``: rows that are read together at most.
        """
        from runyard.job.datasets import writing

        return writing.register_frame(
            dataframe,
            target,
            name,
            description,
            tags,
            show_progress,
            row_group_size,
            make_target_path_unique,
        )

    @staticmethod
    def register_dask_dataframe(  # noqa: PLR0917
        dataframe: "Any",
        target: "Any",
        name: str,
        description: "Optional[str]" = None,
        tags: "Optional[Dict[str, str]]" = None,
        show_progress: bool = True,
    ) -> TabularDataset:
        """As `register_pandas_dataframe`, of what a DataFrame of dask computes."""
        found = _computed(dataframe, "compute", "dask")
        return TabularDatasetFactory.register_pandas_dataframe(
            found, target, name, description, tags, show_progress
        )

    @staticmethod
    def register_spark_dataframe(  # noqa: PLR0917
        dataframe: "Any",
        target: "Any",
        name: str,
        description: "Optional[str]" = None,
        tags: "Optional[Dict[str, str]]" = None,
        show_progress: bool = True,
    ) -> TabularDataset:
        """As `register_pandas_dataframe`, of what ``toPandas()`` of a DataFrame of Spark gives."""
        found = _computed(dataframe, "toPandas", "Spark")
        return TabularDatasetFactory.register_pandas_dataframe(
            found, target, name, description, tags, show_progress
        )


def _computed(dataframe: "Any", method: str, library: str) -> "Any":
    """The DataFrame of pandas that another library's gives."""
    if hasattr(dataframe, method):
        return getattr(dataframe, method)()
    raise UserErrorException(
        "dataframe is {!r} of type {}; give a DataFrame of {}".format(
            dataframe, type(dataframe).__name__, library
        )
    )


def of_delimited(
    sources: "List[Any]", partition_format: "Optional[str]" = None, **options: "Any"
) -> "Dict[str, Any]":
    """The definition of a dataset of delimited files; options of `from_delimited_files`."""
    return definition.of_table(sources, _delimited(**options), _checked_format(partition_format))


def of_parquet(
    sources: "List[Any]", partition_format: "Optional[str]" = None, **options: "Any"
) -> "Dict[str, Any]":
    """The definition of a dataset of parquet files; options of `from_parquet_files`."""
    return definition.of_table(sources, _parquet(**options), _checked_format(partition_format))


def _delimited(
    *,
    infer_column_types: bool = True,
    set_column_types: "Any" = None,
    separator: str = ",",
    header: "Any" = True,
    support_multi_line: bool = False,
    empty_as_string: bool = False,
    encoding: str = "utf8",
    include_path: bool = False,
) -> "Dict[str, Any]":
    if not isinstance(separator, str) or not separator:
        raise UserErrorException(
            "separator is {!r}; give text such as ',' or '\\t'".format(separator)
        )
    return _reader(
        "delimited",
        infer=bool(infer_column_types),
        types=checked_types(set_column_types),
        separator=separator,
        header=header_of(header),
        multi_line=bool(support_multi_line),
        empty_as_string=bool(empty_as_string),
        encoding=_checked_encoding(encoding),
        include_path=bool(include_path),
    )


def _parquet(*, include_path: bool = False, set_column_types: "Any" = None) -> "Dict[str, Any]":
    types = checked_types(set_column_types)
    return _reader("parquet", include_path=bool(include_path), types=types)


def _reader(kind: str, **options: "Any") -> "Dict[str, Any]":
    return dict({key: value for key, value in options.items() if value is not None}, kind=kind)


def _checked_encoding(encoding: "Any") -> str:
    import codecs

    known = {"iso88591": "latin1", "windows1252": "cp1252"}
    try:
        return codecs.lookup(known.get(str(encoding), encoding)).name.replace("utf-8", "utf8")
    except (LookupError, TypeError):
        raise UserErrorException(
            "encoding={!r} is not known; give one such as 'utf8', 'latin1', 'windows1252' or "
            "'utf16'".format(encoding)
        )


def _checked_format(partition_format: "Optional[str]") -> "Optional[str]":
    return None if partition_format is None else PartitionFormat(partition_format).text


def _seconds(timeout: "Any") -> float:
    if isinstance(timeout, numbers.Real) and timeout is not True and float(timeout) > 0:
        return float(timeout)
    raise UserErrorException("query_timeout is {!r}; give a number of seconds".format(timeout))


def _of_path(
    path: "Any", reader: "Dict[str, Any]", partition_format: "Optional[str]", validate: bool
) -> TabularDataset:
    sources, directory = paths.sources_of(path)
    made = definition.of_table(sources, reader, _checked_format(partition_format))
    dataset = TabularDataset(made, directory)
    if validate:
        first = service_client.call("check", directory, definition=made)
        _check_first_rows(made, [file for file in first if file["local"]])
    return dataset


def _check_first_rows(content: "Dict[str, Any]", files: "List[Dict[str, Any]]") -> None:
    """Read a row of files of this machine, where there is a pandas: to describe data takes none."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        return
    from runyard.job.datasets.reading import columns, table

    one = definition.with_step(content, "take", count=1)
    for file in files:
        table.read(one, [file], lambda some: [each["local"] for each in some], columns.NULLS)
