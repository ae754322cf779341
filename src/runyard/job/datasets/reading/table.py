"""From a tabular dataset to one frame: file after file, and no more of them than is needed."""

from runyard.job.datasets import expressions
from runyard.job.datasets.partitions import PartitionFormat
from runyard.job.datasets.reading import columns, delimited, json_lines, kinds, packages, parquet
from runyard.job.datasets.reading import wanted as wants
from runyard.job.datasets.reading.rows import Rows
from runyard.job.datasets.types import DatasetExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

    File = Mapping[str, Any]
    Localize = Callable[[List[Any]], List[str]]

PATH = "Path"
"""The column of ``include_path``."""

_MOST_AT_ONCE = 1024


def read(
    definition: "Mapping[str, Any]",
    files: "Sequence[File]",
    localize: "Localize",
    faults: columns.Faults,
) -> "Any":
    """The rows of a dataset as a frame of pandas.

    ``localize``: brings files to this machine, returns their paths. A column that is of one type
    in some files and of another in others is read once more, as the text that is in them: whole
    numbers and numbers are numbers together. Raises DatasetExecutionError.
    """
    pd = packages.pandas()
    table = _Table(definition, faults)
    chosen = table.chosen(files)
    while True:
        parts = list(table.parts(_local(chosen, localize, table.wanted.limit)))
        again = frozenset(kinds.conflicts(table.seen)) - table.wanted.as_text
        if not again or not table.is_text_file:
            return table.joined(pd, parts)
        table.begin_again(again)


def _local(
    files: "Sequence[File]", localize: "Localize", limit: "Optional[int]"
) -> "Iterator[File]":
    """The files with their paths; of rows that may soon be enough a few at a time."""
    size, start = (_MOST_AT_ONCE if limit is None else 1), 0
    while start < len(files):
        some = list(files[start : start + size])
        for file, place in zip(some, localize(some)):
            yield dict(file, local=place)
        start += size
        size = min(2 * size, _MOST_AT_ONCE)


class _Table:
    """One reading of a dataset. ``seen``: of which kinds its columns were, file by file."""

    def __init__(self, definition: "Mapping[str, Any]", faults: columns.Faults) -> None:
        self._options: "Mapping[str, Any]" = definition["reader"]
        self._steps = definition["steps"]
        text = definition.get("partition_format")
        self._partition = PartitionFormat(text) if text else None
        self._faults = faults
        self.wanted = wants.of_steps(self._steps)
        self.is_text_file = self._options["kind"] == "delimited"
        self._start()

    def _start(self) -> None:
        self.seen: "Dict[str, List[str]]" = {}
        self._names: "Dict[str, None]" = {}
        self._header: "Optional[List[str]]" = None
        self._any_file = False
        self._rows = Rows(self._steps)

    def begin_again(self, as_text: "Any") -> None:
        """Forget what was seen; these columns are text."""
        self.wanted = self.wanted.with_text(as_text)
        self._start()

    def chosen(self, files: "Sequence[File]") -> "List[File]":
        """Without the files all of whose rows a filter of their paths leaves out."""
        rules = []
        for step in self._steps:
            if step["step"] in ("skip", "take", "sample", "split"):
                break
            if step["step"] == "filter" and self._is_of_paths(step["expression"]):
                rules.append(step["expression"])
        if self._options["kind"] == "parquet":  # beside them lie _SUCCESS, _metadata, .crc
            files = [file for file in files if not _is_aside(file["path"])]
        else:  # Spark leaves its _SUCCESS beside text, too
            files = [
                file for file in files if file.get("size_bytes") or not _is_aside(file["path"])
            ]
        return [
            file
            for file in files
            if all(expressions.of_values(rule, self._of_path(file)) for rule in rules)
        ]

    def _is_of_paths(self, rule: "Mapping[str, Any]") -> bool:
        known = self._partition.columns if self._partition else []
        used = list(expressions.columns_of(rule))
        return bool(used) and all(name in known for name in used)

    def _of_path(self, file: "File") -> "Dict[str, Any]":
        return self._partition.typed(file["values"]) if self._partition else {}

    def parts(self, files: "Iterator[File]") -> "Iterator[Any]":
        """What the steps leave of each file, until they leave no more."""
        passed = 0
        for file in files:
            limit = self.wanted.limit
            left = None if limit is None else limit - passed
            frame = self._frame(file, self.wanted.at_most(left))
            passed += len(frame)
            self._any_file = True
            for name in frame.columns:
                self._names[name] = None
                self.seen.setdefault(name, []).append(kinds.of(frame[name]))
            yield self._rows.left(frame)
            if self._rows.done or (limit is not None and passed >= limit):
                return

    def _frame(self, file: "File", wanted: wants.Wanted) -> "Any":
        frame = self._of_file(file["local"], "/" + file["path"], wanted)
        for name, kind in (self._options.get("types") or {}).items():
            if name in frame.columns:
                frame[name] = columns.converted(frame[name], kind, self._faults, file["path"])
        head = {PATH: "/" + file["path"]} if self._options.get("include_path") else {}
        head.update(self._of_path(file))
        for place, name in enumerate(wanted.of(list(head))):
            _insert(frame, place, name, head[name])
        return frame

    def _of_file(self, path: str, name: str, wanted: wants.Wanted) -> "Any":
        kind = self._options["kind"]
        if kind == "parquet":
            return parquet.read(path, name, wanted)
        if kind == "json_lines":
            return json_lines.read(path, name, self._options, wanted)
        if kind == "rows":
            from runyard.job.datasets.reading import query

            return query.read(path, wanted)
        first = self._options.get("header") == "first"
        frame = delimited.read(
            path, name, self._options, wanted, self._header if first else None, self._faults
        )
        if first and self._header is None:
            self._header = delimited.layout_of(path, name, self._options, None).names
        return frame

    def joined(self, pd: "Any", parts: "List[Any]") -> "Any":
        """The parts as one frame. Raises DatasetExecutionError for a column that none has."""
        self._check_columns()
        order = self._order()
        parts = [part for part in parts if len(part)]
        if not parts:
            return pd.DataFrame({name: self._empty_column(pd, name) for name in order})
        lacks = any(name not in parts[0].columns for name in order)
        if len(parts) > 1 or lacks or self._options.get("empty_as_string"):
            parts = [self._completed(pd, part, order) for part in parts]
            frame = pd.concat(parts, ignore_index=True, sort=False)
        else:
            frame = parts[0]
            if not frame.index.equals(pd.RangeIndex(len(frame))):
                frame = frame.reset_index(drop=True)
        return _finished(pd, frame if list(frame.columns) == order else frame[order])

    def _order(self) -> "List[str]":
        """The columns that are left, as they are to be."""
        left = list(self._names)
        for step in self._steps:
            if step["step"] == "keep_columns":
                left = [name for name in step["columns"] if name in left]
            elif step["step"] == "drop_columns":
                left = [name for name in left if name not in step["columns"]]
        return left

    def _check_columns(self) -> None:
        if not self._any_file:
            return
        for step in self._steps:
            if step["step"] == "keep_columns":
                wanted = self.wanted.of(step["columns"])
                missing = [name for name in wanted if name not in self._names]
                if missing:
                    raise DatasetExecutionError(
                        "keep_columns names {}, and there is no such column in what was "
                        "read".format(", ".join(map(repr, missing)))
                    )

    def _empty_column(self, pd: "Any", name: str) -> "Any":
        """A column without a value, of the type it would have had."""
        types = {kinds.INT: "int64", kinds.FLOAT: "float64", kinds.BOOL: "bool"}
        types[kinds.DATETIME] = columns.NANOSECONDS
        kind = kinds.together(self.seen.get(name, ())) or kinds.TEXT
        if int(pd.__version__.partition(".")[0]) >= 3:
            types[kinds.TEXT] = "str"
        return pd.Series([], dtype=types.get(kind, "object"))

    def _completed(self, pd: "Any", part: "Any", order: "List[str]") -> "Any":
        """A part with all columns, each of the kind it has in the whole."""
        part = part.copy()
        for name in order:
            kind = kinds.together(self.seen[name])
            if name not in part.columns or kinds.of(part[name]) == kinds.NULL:
                there = name in part.columns
                part[name] = _nothing(pd, kind or kinds.TEXT, part.index, self._empty(there))
            elif kind is None:
                part[name] = columns.text_of(part[name])
        return part[order]

    def _empty(self, there: bool) -> "Optional[str]":
        """What an empty field of text is; ``there``: whether the file has the column at all."""
        return "" if there and self._options.get("empty_as_string") else None


def _is_aside(path: str) -> bool:
    return path.rpartition("/")[2].startswith(("_", "."))


def _insert(frame: "Any", place: int, name: str, value: "Any") -> None:
    if name in frame.columns:
        raise DatasetExecutionError(
            "the column {!r} is in the files and in their paths; give the one of the paths "
            "another name in partition_format".format(name)
        )
    import pandas as pd

    column = pd.Series([value] * len(frame), index=frame.index)
    if not isinstance(value, str):
        column = column.astype(columns.NANOSECONDS)
    frame.insert(place, name, column)


def _nothing(pd: "Any", kind: str, index: "Any", empty: "Optional[str]") -> "Any":
    """A column of missing values that goes with a kind."""
    if kind in (kinds.INT, kinds.FLOAT):
        return pd.Series(float("nan"), index=index)
    if kind == kinds.DATETIME:
        return pd.Series(pd.NaT, index=index).astype(columns.NANOSECONDS)
    value = empty if kind in (kinds.TEXT, kinds.NULL) else None
    return pd.Series([value] * len(index), index=index, dtype=object)


def _finished(pd: "Any", frame: "Any") -> "Any":
    """Text as this pandas has it: of a type of its own since pandas 3."""
    if int(pd.__version__.partition(".")[0]) < 3:
        return frame
    for name in list(frame.columns):
        if frame[name].dtype == object and kinds.of(frame[name]) == kinds.TEXT:
            frame[name] = frame[name].astype("str")
    return frame
