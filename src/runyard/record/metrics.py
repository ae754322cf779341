"""Metrics of a run: ``metrics/<writer>.jsonl``, one file a process; its name has its rank.

A line is ``{"t": seconds since 1970, "n": name, "v": value}`` and, where it applies, ``"s"``: the
step, ``"d"``: the description, ``"k"``: the kind of what is not a scalar (``list``, ``row``,
``table``, ``image``, ``confusion_matrix``, ``accuracy_table``, ``residuals``, ``predictions``).
The value of the last five is the name of a file of the run.

Lines are strict JSON, which has no NaN: a scalar that is not finite is ``"v": null`` with
``"x": "nan" | "inf" | "-inf"``; inside lists, rows and tables it is ``{"$float": "nan"}``.
"""

import os
import time
from json.encoder import encode_basestring_ascii

from runyard.record import events, jsonl, regular
from runyard.record.layout import RunDirectory
from runyard.record.notes import rank_of, writer_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    Entry = Dict[str, Any]
    Series = Dict[str, List[Tuple[float, Optional[float], Any]]]

LIST, ROW, TABLE, IMAGE = "list", "row", "table", "image"
ARTIFACTS = (IMAGE, "confusion_matrix", "accuracy_table", "residuals", "predictions")
URI = "aml://artifactId/ExperimentRun/dcid.{}/{}"

_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_NOT_FINITE = ("nan", "inf", "-inf")
_SCALAR = (float, int, str, type(None))
_SHAPES: "Dict[str, type]" = {LIST: list, ROW: dict, TABLE: dict}
_DEPTH = 3
_CACHED_NAMES = 10000


class MetricWriter:
    """Appends the metrics this process logs; a forked child gets a file of its own.

    Every call is one ``write`` of a whole line: it is in the file when the call returns, and
    threads may log at once. Raises RunWriteException (disk full).
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._pid = 0
        self._appender = jsonl.Appender("")
        self._heads: "Dict[str, str]" = {}

    def scalar(
        self,
        name: str,
        value: "Any",
        step: "Optional[float]" = None,
        description: "Optional[str]" = None,
    ) -> None:
        """Append one float, int, str, bool or None, of exactly that type.

        ``step`` is an int or a finite float.
        """
        # Made by hand: json.dumps takes twice as long as everything else here together.
        kind = type(value)
        if kind is float:
            text = repr(value) if value - value == 0.0 else _not_finite(value)
        elif kind is int:
            text = repr(value)
        elif kind is str:
            text = encode_basestring_ascii(value)
        else:
            text = "null" if value is None else "true" if value else "false"
        tail = "" if step is None and not description else _tail(step, description)
        head = self._heads.get(name) or self._head(name)
        line = '{"t":%r%s%s%s}\n' % (time.time(), head, text, tail)
        try:
            if self._pid != os.getpid():
                self._open()
            self._appender.write(line.encode("ascii"))
        except OSError as error:
            raise self._unwritten(name, error)

    def other(self, kind: str, name: str, value: "Any", description: "Optional[str]") -> None:
        """Append a list, row, table or the file name of an artifact; ``kind`` as in the module."""
        entry = {"t": time.time(), "n": name, "v": encode(value), "k": kind}
        if description:
            entry["d"] = description
        try:
            if self._pid != os.getpid():
                self._open()
            self._appender.append(entry)
        except OSError as error:
            raise self._unwritten(name, error)

    def _unwritten(self, name: str, error: OSError) -> OSError:
        from runyard.record import unwritten

        what = "metric {!r} of run {} was not logged".format(name, self._run.id)
        return unwritten.error(what, error, self._appender.path or self._run.metrics)

    def _head(self, name: str) -> str:
        if len(self._heads) >= _CACHED_NAMES:
            self._heads.clear()
        head = ',"n":' + encode_basestring_ascii(name) + ',"v":'
        self._heads[name] = head
        return head

    def _open(self) -> None:
        # Without a lock, which a fork could leave locked: threads that come here at once make a
        # file each, and every one of them is whole.
        appender = jsonl.Appender(os.path.join(self._run.metrics, writer_name()))
        appender.write(b"")
        self._appender = appender
        self._pid = os.getpid()
        events.touch(self._run)


def _not_finite(value: float) -> str:
    return 'null,"x":"{}"'.format(value)


def _tail(step: "Optional[float]", description: "Optional[str]") -> str:
    text = "" if step is None else ',"s":{!r}'.format(step)
    return text + (',"d":' + encode_basestring_ascii(description) if description else "")


def encode(value: "Any") -> "Any":
    """A value with every float that is not finite replaced by ``{"$float": …}``."""
    if isinstance(value, float) and value - value != 0.0:
        return {"$float": str(float(value))}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def decode(value: "Any", depth: int = _DEPTH) -> "Any":
    """What `encode` was given; what is nested deeper than any of that is left as it is."""
    if not depth:
        return value
    if isinstance(value, list):
        return [decode(item, depth - 1) for item in value]
    if isinstance(value, dict):
        special = value.get("$float") if len(value) == 1 else None
        if isinstance(special, str) and special in _SPECIAL:
            return _SPECIAL[special]
        return {key: decode(item, depth - 1) for key, item in value.items()}
    return value


def columns(value: "Dict[str, Any]") -> "Dict[str, Any]":
    """The columns of a row or a table, of any name, ``$float`` among them."""
    return {key: decode(item) for key, item in value.items()}


def read_metrics(
    run: RunDirectory,
    name: "Optional[str]" = None,
    problems: "Optional[List[str]]" = None,
    rank: "Optional[int]" = None,
) -> "Dict[str, Any]":
    """All metrics of a run, or the one of that name, in the shapes of spec 12.4.

    A scalar logged once is itself, more values (or a list) are a list in the order of their time;
    a row is a dict column → value, more rows and tables a dict column → list (None where a row
    has no such column); an artifact is its ``aml://`` URI. Where one name was used for values and
    for rows, the kind logged last is returned. ``problems`` gets what was left out, and why.
    ``rank``: only what that process of a distributed run has logged, None: all.
    """
    collected: "Dict[str, Any]" = {}
    for entry in entries(run, problems, rank):
        key = entry["n"]
        if name is None or key == name:
            wanted = _Rows if entry.get("k") in (ROW, TABLE) else _Values
            if not isinstance(collected.get(key), wanted):
                if key in collected and problems is not None:
                    problems.append("metric {!r}: values and rows under one name".format(key))
                collected[key] = wanted()
            collected[key].add(run, entry)
    return {key: part.result() for key, part in collected.items()}


def read_series(
    run: RunDirectory,
    problems: "Optional[List[str]]" = None,
    rank: "Optional[int]" = None,
) -> "Series":
    """Scalars and lists as name → [(seconds since 1970, step or None, value), …], by time."""
    series: "Series" = {}
    for entry in entries(run, problems, rank):
        if entry.get("k") in (None, LIST):
            for value in values_of(entry):
                series.setdefault(entry["n"], []).append((entry["t"], entry.get("s"), value))
    return series


def entries(
    run: RunDirectory,
    problems: "Optional[List[str]]" = None,
    rank: "Optional[int]" = None,
) -> "Iterator[Entry]":
    """The lines of all writers, or of those of one rank, by time, one after the other.

    Lines of one writer stay in their order. Within a file the time never runs back, even where the
    clock of the machine did.
    """
    try:
        names = sorted(os.listdir(run.metrics))
    except FileNotFoundError:
        return iter(())
    writers = [
        _of_one_writer(os.path.join(run.metrics, name), problems)
        for name in names
        if name.endswith(".jsonl") and rank in (None, rank_of(name))
    ]
    if len(writers) == 1:
        return writers[0]
    import heapq

    return heapq.merge(*writers, key=_time)


def _of_one_writer(path: str, problems: "Optional[List[str]]") -> "Iterator[Entry]":
    latest = 0.0
    for entry in jsonl.read_part(path, problems, regular.LIMIT_OF_METRICS_BYTES):
        if not is_valid(entry):
            if problems is not None:
                problems.append("{}: not a metric: {!r:.200}".format(path, entry))
            continue
        latest = entry["t"] = max(latest, float(entry["t"]))
        yield entry


def is_valid(entry: "Entry") -> bool:
    """Whether a line that was read is a metric."""
    if "n" not in entry or "v" not in entry or jsonl.moment(entry) is None:
        return False
    kind = entry.get("k")
    if not isinstance(kind, (str, type(None))):
        return False
    shape: "Any" = _SCALAR if kind is None else _SHAPES.get(kind, str)
    return (
        isinstance(entry["n"], str)
        and isinstance(entry["v"], shape)
        and ("x" not in entry or entry["x"] in _NOT_FINITE)
        and ("s" not in entry or isinstance(entry["s"], (int, float, type(None))))
    )


def _time(entry: "Entry") -> float:
    found: float = entry["t"]
    return found


def values_of(entry: "Entry") -> "List[Any]":
    """The scalars of a line that is one or a list of them."""
    if entry.get("k") == LIST:
        return list(decode(entry["v"]))
    return [_SPECIAL.get(entry["x"]) if "x" in entry else entry["v"]]


class _Values:
    """Scalars, lists and artifacts logged under one name."""

    def __init__(self) -> None:
        self._found: "List[Any]" = []

    def add(self, run: RunDirectory, entry: "Entry") -> None:
        if entry.get("k") in (None, LIST):
            self._found.extend(values_of(entry))
        else:
            self._found.append(URI.format(run.id, entry["v"]))

    def result(self) -> "Any":
        return self._found[0] if len(self._found) == 1 else self._found


class _Rows:
    """Rows and tables logged under one name."""

    def __init__(self) -> None:
        self._rows: "List[Dict[str, Any]]" = []
        self._columns: "Dict[str, None]" = {}
        self._lists = False

    def add(self, run: RunDirectory, entry: "Entry") -> None:
        value = columns(entry["v"])
        self._columns.update(dict.fromkeys(value))
        if entry["k"] == ROW:
            self._rows.append(value)
            return
        self._lists = self._lists or any(isinstance(item, list) for item in value.values())
        lists = [item if isinstance(item, list) else [item] for item in value.values()]
        self._rows.extend(dict(zip(value, row)) for row in zip(*lists))

    def result(self) -> "Dict[str, Any]":
        if len(self._rows) == 1 and not self._lists:
            return self._rows[0]
        return {column: [row.get(column) for row in self._rows] for column in self._columns}
