"""What is shown of a run, as plain JSON: its state, log, metrics, images, files and children.

A view reads only what is new, or the end of it, and may be read from a thread of its own: it has
no database and no lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException
from runyard.history import targets
from runyard.history.entry import target_name
from runyard.job import details
from runyard.record import jsonl, notes
from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Status
from runyard.widgets import images
from runyard.widgets.log_tail import tail
from runyard.widgets.metric_reader import MetricReader

if TYPE_CHECKING:
    from runyard.job.run import Run

MAX_FILES = 200
MAX_CHILDREN = 100
_CHILD_METRICS = 20


class RunView:
    """One run. ``selected_log``: the log to show; '' is the one that matters now."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._directory = run.directory
        self._metrics = MetricReader(self._directory)
        self._children: dict[str, MetricReader] = {}
        self.selected_log = ""

    @property
    def ended(self) -> bool:
        """Whether the run has ended, or is gone; what is read after this is the last."""
        if not os.path.isfile(self._directory.run_json):
            return True
        return read_state(self._directory).status.ended

    def summary(self) -> dict[str, Any]:
        """State, times, what was submitted, tags, and why it failed."""
        state = self._run._state()
        record = self._run._run_json()
        kept = notes.read_notes(self._directory, record)
        spec = record.get("spec") or {}
        return {
            **_facts(self._directory, record, state, kept),
            "status": str(state.status),
            "queue": self._queue(record, state),
            "reason": details.summary(state) or "",
            "error": _error(state, kept),
            "script": spec.get("script") or _command(spec),
            "arguments": [str(part) for part in spec.get("arguments") or ()],
            "tags": dict(kept.tags),
            "properties": details.properties(record, kept),
            "can_cancel": not state.status.ended and state.status is not Status.CANCEL_REQUESTED,
        }

    def _queue(self, record: dict[str, Any], state: State) -> str:
        """Where the run stands in the queue of its target; '' when it does not wait."""
        if state.status is not Status.QUEUED:
            return ""
        target = target_name(record)
        [place] = targets.places(self._directory.workspace, target, [self._directory])
        return "" if place is None else str(place)

    def log(self) -> dict[str, Any]:
        """``names`` of the logs, the one that is shown, and its end."""
        names = list(self._logs())
        # Those of the script come first, of several processes that of the first.
        current = self.selected_log if self.selected_log in names else next(iter(names), "")
        text = tail(self._directory.join(current)) if current else ""
        return {"names": names, "name": current, "text": text}

    def _logs(self) -> Iterator[str]:
        for folder in ("user_logs", "system_logs"):
            try:
                found = sorted(os.scandir(self._directory.join(folder)), key=lambda e: e.name)
            except FileNotFoundError:
                continue
            yield from (f"{folder}/{e.name}" for e in found if e.is_file() and e.stat().st_size)

    def metrics(self) -> dict[str, Any]:
        """Series of points, tables, texts and names of artifacts, by the names of the metrics.

        ``more``: there was too much to read at once; ``left_out``: values of too many names.
        """
        more = self._metrics.read()
        found = self._metrics
        return {
            "series": {
                name: {"points": series.points(), "count": series.count, "last": _json(series.last)}
                for name, series in found.series.items()
            },
            "tables": {name: _json(table) for name, table in found.tables.items()},
            "texts": dict(found.texts),
            "artifacts": dict(found.artifacts),
            "left_out": found.left_out,
            "more": more,
        }

    def images(self) -> dict[str, str]:
        """The latest images, by metric, as ``data:`` addresses; call after `metrics`."""
        return {name: self._address(file) for name, file in self._metrics.images.items()}

    def _address(self, file: str) -> str:
        try:
            return images.data_address(self._run._file_path(file))
        except UserErrorException:  # a damaged metric: no name that a file can have
            return ""

    def files(self) -> dict[str, Any]:
        """``names`` and sizes (bytes) of the first files, and the ``count`` of all."""
        names = self._run.get_file_names()
        shown = [[name, _size(self._run._file_path(name))] for name in names[:MAX_FILES]]
        return {"names": shown, "count": len(names)}

    def children(self) -> dict[str, Any]:
        """A row for each of the latest children, newest first, and the ``count`` of all."""
        ids = self._run._child_ids()
        return {"rows": [*self._rows(ids[: -MAX_CHILDREN - 1 : -1])], "count": len(ids)}

    def _rows(self, ids: list[str]) -> Iterator[dict[str, Any]]:
        for place, child_id in enumerate(ids):
            directory = self._directory.workspace.run(self._directory.experiment, child_id)
            try:
                record = jsonl.read_json(directory.run_json)
                state = read_state(directory)
                kept = notes.read_notes(directory, record)
            except (OSError, ValueError):
                continue  # removed just now
            facts = _facts(directory, record, state, kept)
            values = self._last_values(directory) if place < _CHILD_METRICS else {}
            yield {**facts, "status": str(state.status), "metrics": values}

    def _last_values(self, directory: RunDirectory) -> dict[str, Any]:
        reader = self._children.setdefault(directory.path, MetricReader(directory))
        while reader.read():
            pass
        return {name: _json(series.last) for name, series in reader.series.items()}


def _facts(
    directory: RunDirectory, record: dict[str, Any], state: State, kept: notes.Notes
) -> dict[str, Any]:
    began = state.started or record.get("created")
    until = state.ended or time.time()
    return {
        "run_id": directory.id,
        "experiment": directory.experiment,
        "display_name": kept.display_name or "",
        "type": record.get("type"),
        "parent": record.get("parent"),
        "target": target_name(record) or "",
        "path": directory.path,
        "created": _time(record.get("created")),
        "started": _time(state.started),
        "ended": _time(state.ended),
        "duration_s": int(until - float(began)) if began else 0,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else details.iso_time(float(seconds))


def _error(state: State, kept: notes.Notes) -> dict[str, str]:
    if state.status is not Status.FAILED:
        return {}
    error = details.error(state, kept)["error"]
    return {key: str(error.get(key) or "") for key in ("message", "hint")}


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _command(spec: dict[str, Any]) -> str:
    """The command as a line: text for a shell is one already."""
    command = spec.get("command") or ""
    return command if isinstance(command, str) else " ".join(command)


def _json(value: Any) -> Any:
    """Floats that JSON does not have as text."""
    if isinstance(value, float) and value - value != 0.0:
        return str(value)
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value
