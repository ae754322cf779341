"""Which runs a list has, asked of the table of the index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from runyard.history.entry import Entry

TagFilter = str | Mapping[str, str] | None
"""A name that must be there, or names with the values they must have."""

COLUMNS = (
    "experiment, id, type, parent, status, reason, created, started, ended, display_name, "
    "tags, properties, target, stamp, problem, environment, files"
)
_NEWEST_FIRST = "ORDER BY created DESC, length(id), id DESC"
"""Of a run and its copies that were imported under other ids, it comes first."""
_ALL_NEWEST_FIRST = _NEWEST_FIRST.replace("created", "+created")
"""The same, sorted: row by row in the order of its index would take three times as long."""


@dataclass(frozen=True)
class Query:
    """Which runs to list; None and True leave nothing out. ``limit``: the newest so many."""

    experiment: str | None = None
    type: str | None = None
    status: str | None = None
    tags: TagFilter = None
    properties: TagFilter = None
    include_children: bool = True
    target: str | None = None
    environment: str | None = None
    limit: int | None = None

    @property
    def asks_for_what_changes(self) -> bool:
        """Whether a run that is in the table may match now, and did not when it was read."""
        return not self.status is self.tags is self.properties is None


def matching(db: sqlite3.Connection, query: Query) -> list[Entry]:
    """The rows of a query as they are in the table, newest first."""
    rows: Iterator[Entry] = map(Entry._make, db.execute(*_sql(query)))
    if query.tags is not None or query.properties is not None:
        rows = (entry for entry in rows if _matches(entry, query))
    return [*islice(rows, query.limit)]


def has_all(values: Mapping[str, str], wanted: TagFilter) -> bool:
    """Whether tags or properties satisfy a filter."""
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in values
    return all(values.get(str(key)) == str(value) for key, value in wanted.items())


def _sql(query: Query) -> tuple[str, list[str]]:
    clauses, values = ["1"], []
    for column in ("experiment", "type", "status", "target", "environment"):
        value = getattr(query, column)
        if value is not None:
            clauses.append(f"{column} = ?")
            values.append(value)
    for column, wanted in (("tags", query.tags), ("properties", query.properties)):
        for text in _json_fragments(wanted):
            clauses.append(f"instr({column}, ?) > 0")
            values.append(text)
    if not query.include_children:
        clauses.append("parent IS NULL")
    where = " AND ".join(clauses)
    order = _ALL_NEWEST_FIRST if query.limit is None else _NEWEST_FIRST
    return f"SELECT {COLUMNS} FROM runs WHERE {where} {order}", values


def _json_fragments(wanted: TagFilter) -> Iterator[str]:
    """Text that the JSON of a match holds (as may others: ``_matches`` decides)."""
    if isinstance(wanted, str):
        yield json.dumps(wanted) + ":"
    elif wanted is not None:
        for key, value in wanted.items():
            yield json.dumps(str(key)) + ":" + json.dumps(str(value))


def _matches(entry: Entry, query: Query) -> bool:
    return has_all(entry.tags, query.tags) and has_all(entry.properties, query.properties)
