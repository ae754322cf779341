"""All runs of a workspace in one table, so that a list need not open every run directory.

The run directories are the truth; the index is brought up to date by every use of it. The
modification time of a run directory is its change stamp (``record.events.touch``): a refresh is
one listing per experiment and one ``stat`` per run, and reads only what changed.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from runyard.history.database import Database
from runyard.history.entry import DAMAGED, Entry, read_entry
from runyard.history.index_place import index_path
from runyard.record.layout import RunDirectory, WorkspaceDirectory

TagFilter = str | Mapping[str, str] | None
"""A name that must be there, or names with the values they must have."""

_NO_TEXT = re.compile("[\ud800-\udfff]")
_RACY_NS = 2_000_000_000
"""A stamp younger than this may be given again to a later change: clocks of file systems tick
every 4 ms (ext4) to 2 s (others). Such a run is read again next time."""

_COLUMNS = (
    "experiment, id, type, parent, status, reason, created, started, ended, display_name, "
    "tags, properties, target, stamp, problem, environment"
)
_warned: set[str] = set()


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


class Index:
    """The runs of one workspace; safe to use from several threads and processes at once.

    ``now_ns`` returns ns since 1970 and may be replaced in tests.
    """

    def __init__(
        self, workspace: WorkspaceDirectory, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._workspace = workspace
        self._database = Database(index_path(workspace))
        self._now_ns = now_ns
        self._known = _Known()

    def select(self, query: Query | None = None) -> list[Entry]:
        """The runs that match, newest first, as they are now.

        Runs that cannot be read are in the list, with status ``Damaged``; a warning names each
        of them once.
        """
        query = query or Query()
        entries = self._database.run(lambda db: self._select(db, query))
        _warn_of_damaged(entries, self._workspace)
        return entries

    def unended(self) -> list[Entry]:
        """The runs without an end, oldest first."""

        def action(db: sqlite3.Connection) -> list[Entry]:
            self._refresh(db, None)
            return sorted(
                (entry for entry in self._known.unended.values() if entry.problem is None),
                key=lambda entry: (entry.created, entry.id),
            )

        return self._database.run(action)

    def environments(self) -> dict[str, int]:
        """How many runs were submitted with the environment of each key."""

        def action(db: sqlite3.Connection) -> dict[str, int]:
            self._refresh(db, None)
            counts = (
                "SELECT environment, count(*) FROM runs WHERE environment IS NOT NULL GROUP BY 1"
            )
            return dict(db.execute(counts))

        return self._database.run(action)

    def rebuild(self) -> int:
        """Forget everything and read all runs again; returns how many there are."""

        def action(db: sqlite3.Connection) -> int:
            db.execute("DELETE FROM runs")
            self._known = _Known()
            self._refresh(db, None)
            return int(db.execute("SELECT count(*) FROM runs").fetchone()[0])

        return self._database.run(action)

    @property
    def is_kept(self) -> bool:
        """Whether it is in a file; False where none could be written."""
        return not self._database.in_memory

    def close(self) -> None:
        """Close the database file; the index can still be used."""
        self._database.close()

    def _select(self, db: sqlite3.Connection, query: Query) -> list[Entry]:
        self._refresh(db, query.experiment)
        rows: Iterator[Entry] = map(Entry._make, db.execute(*_sql(query)))
        if query.tags is not None or query.properties is not None:
            rows = (entry for entry in rows if _matches(entry, query))
        return [*islice(rows, query.limit)]

    def _refresh(self, db: sqlite3.Connection, experiment: str | None) -> None:
        known = self._known
        known.load(db)
        names = [experiment] if experiment is not None else experiment_names(self._workspace)
        gone = (
            [] if experiment is not None else [name for name in known.stamps if name not in names]
        )
        changed: list[Entry] = []
        dropped: list[tuple[str, str]] = [
            (name, id_) for name in gone for id_ in known.stamps[name]
        ]
        for name in names:
            self._scan(name, changed, dropped)
        if changed or dropped:
            _write(db, changed, dropped)
            known.update(changed, dropped)

    def _scan(self, name: str, changed: list[Entry], dropped: list[tuple[str, str]]) -> None:
        """Find out what is new in one experiment."""
        stamps = self._known.stamps.get(name, {})
        present = _stamps(self._workspace.experiment(name))
        for run_id, stamp in present.items():
            if stamps.get(run_id) != stamp or (name, run_id) in self._known.unended:
                entry = self._read(name, run_id, stamp)
                if entry is None:
                    if run_id in stamps:
                        dropped.append((name, run_id))
                elif entry != self._known.unended.get((name, run_id)):
                    changed.append(entry)
        if len(stamps) > len(present) or not stamps.keys() <= present.keys():
            dropped.extend((name, run_id) for run_id in stamps if run_id not in present)

    def _read(self, name: str, run_id: str, stamp: int) -> Entry | None:
        racy = self._now_ns() - stamp < _RACY_NS
        return read_entry(self._workspace.run(name, run_id), 0 if racy else stamp)


class _Known:
    """What the table holds, as far as a refresh needs it: kept so as not to read it each time."""

    def __init__(self) -> None:
        self.stamps: dict[str, dict[str, int]] = {}
        self.unended: dict[tuple[str, str], Entry] = {}
        self._source: tuple[sqlite3.Connection, int] | None = None

    def load(self, db: sqlite3.Connection) -> None:
        """Read the table, unless nobody else wrote to it since the last time."""
        source = (db, int(db.execute("PRAGMA data_version").fetchone()[0]))
        if source == self._source:
            return
        self.stamps, self.unended = {}, {}
        for experiment, run_id, stamp in db.execute("SELECT experiment, id, stamp FROM runs"):
            self.stamps.setdefault(experiment, {})[run_id] = stamp
        for row in db.execute(f"SELECT {_COLUMNS} FROM runs WHERE ended IS NULL"):
            self._keep_unended(Entry._make(row))
        self._source = source

    def update(self, changed: list[Entry], dropped: list[tuple[str, str]]) -> None:
        """Follow what was just written."""
        for entry in changed:
            self.stamps.setdefault(entry.experiment, {})[entry.id] = entry.stamp
            self.unended.pop((entry.experiment, entry.id), None)
            if entry.ended is None:
                self._keep_unended(entry)
        for experiment, run_id in dropped:
            self.stamps.get(experiment, {}).pop(run_id, None)
            self.unended.pop((experiment, run_id), None)

    def _keep_unended(self, entry: Entry) -> None:
        self.unended[entry.experiment, entry.id] = entry


def reindex(workspace: WorkspaceDirectory) -> int:
    """Build the index of a workspace anew from its runs; returns how many there are.

    A warning says so when it could not be written.
    """
    index = Index(workspace)
    try:
        found = index.rebuild()
        if not index.is_kept:
            warnings.warn(
                f"the index could not be written to {workspace.index} (locked, read-only, or no "
                "room): lists read the runs themselves, which takes longer",
                stacklevel=2,
            )
        return found
    finally:
        index.close()


def experiment_names(workspace: WorkspaceDirectory) -> list[str]:
    """The experiments that have a folder of runs, sorted."""
    try:
        with os.scandir(workspace.runs) as entries:
            return sorted(e.name for e in entries if _may_be_ours(e.name) and e.is_dir())
    except FileNotFoundError:
        return []


def _may_be_ours(name: str) -> bool:
    """No run is called by what is no Unicode text, and no database can hold it."""
    return not name.startswith(".") and (name.isascii() or _NO_TEXT.search(name) is None)


def _stamps(folder: str) -> dict[str, int]:
    """Names in a folder and their modification times in ns."""
    found: dict[str, int] = {}
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return found
    try:
        # A quarter faster than scandir, whose entries build whole paths.
        for name in os.listdir(fd):
            if _may_be_ours(name):
                found[name] = _stamp(name, fd)
    finally:
        os.close(fd)
    return found


def _stamp(name: str, folder_fd: int) -> int:
    try:
        return os.stat(name, dir_fd=folder_fd).st_mtime_ns
    except OSError:  # removed in this moment
        return 0


def _write(db: sqlite3.Connection, changed: list[Entry], dropped: list[tuple[str, str]]) -> None:
    marks = ", ".join("?" * len(Entry._fields))
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("DELETE FROM runs WHERE experiment = ? AND id = ?", dropped)
        db.executemany(f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES ({marks})", changed)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


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
    return f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY created DESC, id DESC", values


def _json_fragments(wanted: TagFilter) -> Iterator[str]:
    """Text that the JSON of a match holds (as may others: ``_matches`` decides)."""
    if isinstance(wanted, str):
        yield json.dumps(wanted) + ":"
    elif wanted is not None:
        for key, value in wanted.items():
            yield json.dumps(str(key)) + ":" + json.dumps(str(value))


def _matches(entry: Entry, query: Query) -> bool:
    return has_all(entry.tags, query.tags) and has_all(entry.properties, query.properties)


def has_all(values: Mapping[str, str], wanted: TagFilter) -> bool:
    """Whether tags or properties satisfy a filter."""
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in values
    return all(values.get(str(key)) == str(value) for key, value in wanted.items())


def _warn_of_damaged(entries: list[Entry], workspace: WorkspaceDirectory) -> None:
    for entry in entries:
        if entry.status == DAMAGED:
            warn_once(workspace.run(entry.experiment, entry.id), entry.problem or "")


def warn_once(run: RunDirectory, problem: str) -> None:
    """Say once per process that a run cannot be read, and what can be done."""
    if run.path in _warned:
        return
    _warned.add(run.path)
    warnings.warn(
        f"run {run.id} cannot be read and is listed as {DAMAGED}: {problem}. Put a copy of its "
        f"files back, or remove its folder {run.path}",
        stacklevel=4,
    )
