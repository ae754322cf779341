"""The metrics of a run as they grow: each line is read once, and only what is shown is kept."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import Any

from runyard.record import metrics, regular
from runyard.record.layout import RunDirectory
from runyard.widgets.series import Series

MAX_NAMES = 200
MAX_ROWS = 50
MAX_IMAGES = 12
_CHUNK_BYTES = 1 << 22


class MetricReader:
    """Series, tables, texts and images by the name they were logged under.

    ``version`` grows whenever `read` found something new. Values logged by several processes at
    once are in the order they were found.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._offsets: dict[str, int] = {}
        self._names: set[str] = set()
        self.version = 0
        self.left_out = 0
        self.series: dict[str, Series] = {}
        self.texts: dict[str, str] = {}
        self.tables: dict[str, dict[str, list[Any]]] = {}
        self.images: dict[str, str] = {}
        self.artifacts: dict[str, str] = {}

    def read(self) -> bool:
        """Take in what was logged since the last call; returns whether more is there already.

        At most 4 MiB of each file are read at once, so that a reader of many gigabytes shows
        something soon.
        """
        more = False
        for name in self._files():
            path = os.path.join(self._run.metrics, name)
            lines, behind = self._new_lines(path)
            more = more or behind
            for line in lines:
                self._take(line)
        return more

    def _files(self) -> list[str]:
        try:
            names = sorted(os.listdir(self._run.metrics))
        except FileNotFoundError:
            return []
        return [name for name in names if name.endswith(".jsonl")]

    def _new_lines(self, path: str) -> tuple[Iterator[bytes], bool]:
        start = self._offsets.get(path, 0)
        with regular.open_to_read(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size <= start:
                return iter(()), False
            stream.seek(start)
            content = stream.read(_CHUNK_BYTES)
            if b"\n" not in content:
                content += stream.readline()  # one line longer than all that
        end = content.rfind(b"\n") + 1
        self._offsets[path] = start + end
        return iter(content[:end].splitlines()), end > 0 and start + end < size

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(entry, dict) or not metrics.is_valid(entry):
            return
        self.version += 1
        name, kind = entry["n"], entry.get("k")
        if name not in self._names and len(self._names) >= MAX_NAMES:
            self.left_out += 1
            return
        self._names.add(name)
        if kind in (metrics.ROW, metrics.TABLE):
            self._take_rows(name, metrics.columns(entry["v"]))
        elif kind in metrics.ARTIFACTS:
            self._take_file(name, kind, entry["v"])
        else:
            self._take_values(name, entry)

    def _take_values(self, name: str, entry: dict[str, Any]) -> None:
        for value in metrics.values_of(entry):
            if isinstance(value, (int, float)):  # booleans are 0 and 1
                series = self.series.setdefault(name, Series())
                step = entry.get("s")
                series.add(_float(series.count if step is None else step), _float(value))
            else:
                self.texts[name] = str(value)[:200]

    def _take_rows(self, name: str, value: dict[str, Any]) -> None:
        table = self.tables.setdefault(name, {})
        length = max((len(column) for column in table.values()), default=0)
        given = {key: item if isinstance(item, list) else [item] for key, item in value.items()}
        added = max((len(column) for column in given.values()), default=0)
        for key in {**table, **given}:
            column = table.get(key, [None] * length)
            new = given.get(key, [None] * added)
            table[key] = [*column, *new][-MAX_ROWS:]

    def _take_file(self, name: str, kind: str | None, file: str) -> None:
        files = self.images if kind == metrics.IMAGE else self.artifacts
        files.pop(name, None)
        files[name] = file
        if len(self.images) > MAX_IMAGES:
            del self.images[next(iter(self.images))]


def _float(value: float) -> float:
    """The number to draw; an int may be larger than any float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
