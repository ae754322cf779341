"""The list of runs: selected by the index, shown as a table or JSON."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from runyard.cli import formats, output, table
from runyard.cli.ending import STATUS_COLOURS
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.history.index import Query, experiment_names, has_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.history.entry import Entry
    from runyard.history.workspace import Workspace

_COLUMNS = (
    Column("run"),
    Column("status", colours=STATUS_COLOURS),
    Column("reason", shrink=True, drop=3),
    Column("created", drop=5),
    Column("duration", right=True, drop=2),
    Column("experiment", shrink=True, drop=4),
    Column("name and tags", shrink=True, drop=1),
)


class Filter(NamedTuple):
    """Which runs are wanted; ``tags`` as ``KEY`` or ``KEY=VALUE``, ``limit`` None: all."""

    experiment: str | None = None
    status: str | None = None
    tags: tuple[str, ...] = ()
    limit: int | None = None


def select(workspace: Workspace, wanted: Filter, children: bool) -> list[Entry]:
    """The runs that match, newest first. ``children``: runs of runs too."""
    names = [text for text in wanted.tags if "=" not in text]
    values = dict(text.split("=", 1) for text in wanted.tags if "=" in text)
    query = Query(
        experiment=wanted.experiment,
        status=wanted.status,
        tags=values or None,
        include_children=children,
        limit=None if names else wanted.limit,
    )
    entries = workspace.select(query)
    named = (e for e in entries if all(has_all(e.tags, name) for name in names))
    return [*islice(named, wanted.limit)]


def print_json(workspace: Workspace, entries: Sequence[Entry]) -> None:
    """An array with an object for each run."""
    now = time.time()
    output.to_json([_object(workspace, entry, now) for entry in entries])


def _object(workspace: Workspace, entry: Entry, now: float) -> dict[str, Any]:
    return {
        "run_id": entry.id,
        "experiment": entry.experiment,
        "display_name": entry.display_name,
        "directory": workspace.directory.run(entry.experiment, entry.id).path,
        "status": entry.status,
        "reason": entry.reason,
        "created": time_text(entry.created),
        "started": time_text(entry.started),
        "ended": time_text(entry.ended),
        "duration_s": _seconds(entry, now),
        "type": entry.type,
        "parent": entry.parent,
        "target": entry.target,
        "tags": entry.tags,
        "properties": entry.properties,
    }


def print_table(workspace: Workspace, entries: Sequence[Entry], wanted: Filter) -> None:
    """A table, or what to do when there is nothing to show."""
    if not entries:
        output.notice(_nothing(workspace, wanted))
        return
    now = time.time()
    table.show(_COLUMNS, [_row(entry, now) for entry in entries])
    if len(entries) == wanted.limit:
        output.notice(f"the newest {wanted.limit}; -n N for more, --all for all")


def _row(entry: Entry, now: float) -> list[str]:
    seconds = _seconds(entry, now)
    tags = [f"{key}={value}" if value else key for key, value in entry.tags.items()]
    return [
        entry.id,
        entry.status,
        "" if entry.reason in (None, "completed", "cancelled") else str(entry.reason),
        formats.age(now - entry.created),
        "" if seconds is None else formats.duration(seconds),
        entry.experiment,
        "  ".join([*([entry.display_name] if entry.display_name else []), *tags]),
    ]


def _seconds(entry: Entry, now: float) -> float | None:
    if entry.started is None:
        return None
    return max(0.0, (entry.ended or now) - entry.started)


def _nothing(workspace: Workspace, wanted: Filter) -> str:
    experiments = experiment_names(workspace.directory)
    if not experiments:
        return f"no runs yet in {workspace.path}; start one: runyard submit -f train.py"
    if wanted.experiment is not None and wanted.experiment not in experiments:
        known = ", ".join(experiments)
        return f"there is no experiment {wanted.experiment!r}; there are: {known}"
    return "no run matches"
