"""``runyard runs``."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from runyard.cli import completing, formats, opening, output, table
from runyard.cli.ending import STATUS_COLOURS
from runyard.cli.settings import Command, json_option
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.history import targets
from runyard.history.index_query import Query, has_all
from runyard.history.run_folders import experiment_names
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.history.entry import Entry
    from runyard.history.targets import QueuePlace
    from runyard.history.workspace import Workspace

    Places = dict[tuple[str, str], QueuePlace]

_SHOWN = 20
_STATUSES = [*(status.value for status in Status), "Damaged"]
_COLUMNS = (
    Column("run"),
    Column("status", colours=STATUS_COLOURS),
    Column("reason", shrink=True, drop=3, optional=True),
    Column("created", drop=5),
    Column("duration", right=True, drop=2),
    Column("experiment", shrink=True, drop=4),
    Column("name and tags", shrink=True, drop=1),
)


@click.command("runs", cls=Command)
@click.option(
    "--experiment",
    "-e",
    metavar="NAME",
    shell_complete=completing.experiments,
    help="Only runs of this experiment.",
)
@click.option(
    "--status",
    type=click.Choice(_STATUSES, case_sensitive=False),
    metavar="STATUS",
    shell_complete=completing.statuses,
    help="Only runs with this status: Running, Completed, Failed, Canceled, …",
)
@click.option(
    "--tag", metavar="KEY[=VALUE]", multiple=True, help="Only runs with this tag; repeatable."
)
@click.option(
    "-n",
    "limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"At most so many. Default: {_SHOWN}.",
)
@click.option("--all", "everything", is_flag=True, help="Child runs too, and all without -n.")
@json_option
def command(  # noqa: PLR0917
    experiment: str | None,
    status: str | None,
    tag: tuple[str, ...],
    limit: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    """List runs, newest first.

    \b
    runyard runs
    runyard runs -e digits --status failed
    runyard runs --tag stage=final --all --json
    """
    workspace = opening.existing()
    if experiment == "":
        raise click.UsageError("-e '' names no experiment; runyard runs lists those of all")
    at_most = None if everything and limit is None else limit or _SHOWN
    entries = _select(workspace, experiment, status, tag, at_most, everything)
    now = time.time()
    places = _places(workspace, entries)
    if as_json:
        output.to_json([_object(workspace, entry, places, now) for entry in entries])
        return
    if not entries:
        output.notice(_nothing(workspace, experiment))
        return
    table.show(_COLUMNS, [_row(e, places, depth, now) for e, depth in _below_parents(entries)])
    if len(entries) == at_most:
        more = "--all without -n" if everything else "--all"
        output.notice(f"the newest {at_most}; -n N for more, {more} for all")


def _select(  # noqa: PLR0917
    workspace: Workspace,
    experiment: str | None,
    status: str | None,
    tags: tuple[str, ...],
    limit: int | None,
    children: bool,
) -> list[Entry]:
    """The runs that match, newest first; ``children``: runs of runs too."""
    names = [text for text in tags if "=" not in text]
    query = Query(
        experiment=experiment,
        status=status,
        tags=dict(text.split("=", 1) for text in tags if "=" in text) or None,
        include_children=children,
        limit=None if names else limit,
    )
    entries = workspace.select(query)
    return [*islice((e for e in entries if all(has_all(e.tags, name) for name in names)), limit)]


def _below_parents(entries: list[Entry]) -> list[tuple[Entry, int]]:
    """Children behind their parents, each with its depth; 0 where the parent is not listed."""
    listed = {entry.id for entry in entries}
    below: dict[str | None, list[Entry]] = {}
    for entry in entries:
        below.setdefault(entry.parent if entry.parent in listed else None, []).append(entry)
    found: list[tuple[Entry, int]] = []
    waiting = [(entry, 0) for entry in reversed(below.get(None, []))]
    while waiting:
        entry, depth = waiting.pop()
        found.append((entry, depth))
        waiting += [(child, depth + 1) for child in reversed(below.pop(entry.id, []))]
    return found


def _places(workspace: Workspace, entries: list[Entry]) -> Places:
    """Experiment and id of the runs that wait in the queue of their target → where there."""
    found: Places = {}
    waiting = [entry for entry in entries if entry.status == Status.QUEUED.value]
    for target in {entry.target for entry in waiting}:
        there = [entry for entry in waiting if entry.target == target]
        runs = [workspace.directory.run(entry.experiment, entry.id) for entry in there]
        places = targets.places(workspace.directory, target, runs)
        for entry, place in zip(there, places, strict=True):
            if place is not None:
                found[entry.experiment, entry.id] = place
    return found


def _object(workspace: Workspace, entry: Entry, places: Places, now: float) -> dict[str, Any]:
    place = places.get((entry.experiment, entry.id))
    return {
        "run_id": entry.id,
        "experiment": entry.experiment,
        "display_name": entry.display_name,
        "directory": workspace.directory.run(entry.experiment, entry.id).path,
        "status": entry.status,
        "reason": entry.reason,
        "queue": place and place._asdict(),
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


def _row(entry: Entry, places: Places, depth: int, now: float) -> list[str]:
    seconds = _seconds(entry, now)
    place = places.get((entry.experiment, entry.id))
    tags = [f"{key}={value}" if value else key for key, value in entry.tags.items()]
    # Of a child without its parent above it, the name of the parent says that it is one.
    orphan = [f"child of {entry.parent}"] if entry.parent and not depth else []
    return [
        "  " * depth + entry.id,
        entry.status,
        _why(entry) if place is None else str(place),
        formats.age(now - entry.created),
        "" if seconds is None else formats.duration(seconds),
        entry.experiment,
        "  ".join([*orphan, *([entry.display_name] if entry.display_name else []), *tags]),
    ]


def _why(entry: Entry) -> str:
    return "" if entry.reason in (None, "completed", "cancelled") else str(entry.reason)


def _seconds(entry: Entry, now: float) -> float | None:
    if entry.started is None:
        return None
    return max(0.0, (entry.ended or now) - entry.started)


def _nothing(workspace: Workspace, experiment: str | None) -> str:
    experiments = experiment_names(workspace.directory)
    if not experiments:
        return f"no runs yet in {workspace.path}; start one: runyard submit -f train.py"
    if experiment is not None and experiment not in experiments:
        known = ", ".join(experiments)
        return f"there is no experiment {experiment!r}; there are: {known}"
    return "no run matches"
