"""The built environments as a table, one in full, or JSON."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from runyard.cli import formats, opening, output, table
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.environments import inventory
from runyard.environments.inventory import Cached
from runyard.history.index_query import Query

if TYPE_CHECKING:
    from runyard.history.entry import Entry
    from runyard.history.workspace import Workspace

_KEY_DIGITS = 12
_RUNS_SHOWN = 5
_COLUMNS = (
    Column("key"),
    Column("name", shrink=True),
    Column("python", drop=3),
    Column("packages", right=True, drop=2),
    Column("runs", right=True, drop=4),
    Column("size", right=True),
    Column("last used"),
    Column("built", drop=1),
)


def show_all(as_json: bool) -> None:
    """Print all of them, last used first."""
    found = inventory.every()
    workspace = opening.if_any()
    uses = None if workspace is None else workspace.environment_uses()
    if as_json:
        output.to_json([{**plain(item), "runs": _count(uses, item)} for item in found])
    elif not found:
        output.notice(f"no environment is built yet in {inventory.folder()}")
    else:
        now = time.time()
        table.show(_COLUMNS, [_row(item, now, _count(uses, item)) for item in found])
        total = sum(item.size_bytes for item in found)
        place = "" if workspace is None else f"; runs are those in {workspace.path}"
        output.notice(f"{formats.count(len(found), 'environment')}, {formats.size(total)}{place}")


def show_one(text: str, as_json: bool) -> None:
    """Print one. Raises UserErrorException when there is none of that key or name."""
    item = inventory.find(text)
    workspace = opening.if_any()
    runs = [] if workspace is None else workspace.select(Query(environment=item.key))
    if as_json:
        output.to_json({**plain(item), "runs": [_plain_run(entry) for entry in runs]})
        return
    for title, value in (
        ("name", item.name),
        ("key", item.key),
        ("python", item.python_version),
        ("image", f"{item.image} ({item.engine})") if item.image else ("folder", item.prefix),
        ("size", formats.size(item.size_bytes)),
        ("built", formats.moment(item.built or 0.0)),
        ("last used", formats.moment(item.last_used)),
        *([("based on", _base_text(item.base))] if item.base else []),
        ("asked for", ", ".join(item.requirements) or "nothing"),
        ("runs", _runs_text(workspace, runs)),
    ):
        output.text(f"{title + ':':<11}{output.one_line(value)}")
    output.text(f"{formats.count(len(item.lock), 'package')}:")
    for line in item.lock:
        output.text(f"  {line}")


def _base_text(key: str) -> str:
    base = next((item for item in inventory.every() if item.key == key and item.finished), None)
    if base is None:
        return f"{key}, which is no longer there, and not needed"
    return f"{key} ({base.name}: {', '.join(base.requirements)})"


def _runs_text(workspace: Workspace | None, runs: list[Entry]) -> str:
    if workspace is None:
        return "unknown: no workspace here"
    if not runs:
        return f"none in {workspace.path}"
    shown = [f"{entry.id} ({entry.status})" for entry in runs[:_RUNS_SHOWN]]
    if len(runs) > _RUNS_SHOWN:
        shown.append(f"and {len(runs) - _RUNS_SHOWN} more (all: --json)")
    return f"{len(runs)} in {workspace.path}: {', '.join(shown)}"


def _plain_run(entry: Entry) -> dict[str, Any]:
    return {
        "run_id": entry.id,
        "experiment": entry.experiment,
        "status": entry.status,
        "created": time_text(entry.created),
    }


def _count(uses: dict[str, int] | None, item: Cached) -> int | None:
    return None if uses is None else uses.get(item.key, 0)


def plain(item: Cached) -> dict[str, Any]:
    """An environment for JSON."""
    built = None if item.built is None else time_text(item.built)
    return {**dataclasses.asdict(item), "built": built, "last_used": time_text(item.last_used)}


def short(key: str) -> str:
    """The beginning of a key, long enough to name it."""
    return key[:_KEY_DIGITS]


def _row(item: Cached, now: float, runs: int | None) -> list[str]:
    return [
        short(item.key),
        item.name if item.finished else "(unfinished)",
        item.python_version,
        str(len(item.lock)) if item.finished else "",
        "" if runs is None else str(runs),
        formats.size(item.size_bytes),
        formats.age(now - item.last_used),
        "" if item.built is None else formats.age(now - item.built),
    ]
