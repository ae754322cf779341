"""What the table of the index holds, as far as bringing it up to date needs it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from runyard.history.entry import Entry
from runyard.history.index_query import COLUMNS


@dataclass
class Changes:
    """What has to be written: entries, runs that are gone, and stamps of experiments by name.

    The stamp of an experiment says when its names last came or went. 0: look at them again; None:
    it is gone.
    """

    entries: list[Entry] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    experiments: dict[str, int | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.entries or self.dropped or self.experiments)


class Table:
    """Kept in memory so as not to read it each time, until somebody else has written to it."""

    def __init__(self) -> None:
        self.experiments: dict[str, int] = {}
        self.unended: dict[tuple[str, str], Entry] = {}
        self._stamps: dict[str, dict[str, int]] = {}
        self._source: tuple[sqlite3.Connection, int] | None = None

    def load(self, db: sqlite3.Connection) -> None:
        """Read experiments and runs without an end, unless nobody else wrote to it meanwhile."""
        source = (db, int(db.execute("PRAGMA data_version").fetchone()[0]))
        if source == self._source:
            return
        self._stamps, self.unended = {}, {}
        self.experiments = dict(db.execute("SELECT name, stamp FROM experiments"))
        for row in db.execute(f"SELECT {COLUMNS} FROM runs WHERE ended IS NULL"):
            self._keep_unended(Entry._make(row))
        self._source = source

    def stamps(self, db: sqlite3.Connection, experiment: str) -> dict[str, int]:
        """The runs of an experiment, and their stamps."""
        if experiment not in self._stamps:
            found = db.execute("SELECT id, stamp FROM runs WHERE experiment = ?", (experiment,))
            self._stamps[experiment] = dict(found)
        return self._stamps[experiment]

    def had_ended(self, db: sqlite3.Connection, entry: Entry) -> bool:
        """Whether a run had an end when it was read last."""
        key = (entry.experiment, entry.id)
        ended = "SELECT 1 FROM runs WHERE experiment = ? AND id = ? AND ended IS NOT NULL"
        return key not in self.unended and db.execute(ended, key).fetchone() is not None

    def write(self, db: sqlite3.Connection, changes: Changes) -> None:
        """Write, in one transaction."""
        marks = ", ".join("?" * len(Entry._fields))
        stamps = changes.experiments.items()
        gone = [(name,) for name, stamp in stamps if stamp is None]
        kept = [(name, stamp) for name, stamp in stamps if stamp is not None]
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM runs WHERE experiment = ? AND id = ?", changes.dropped)
            db.executemany(
                f"INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES ({marks})", changes.entries
            )
            db.executemany("DELETE FROM experiments WHERE name = ?", gone)
            db.executemany("INSERT OR REPLACE INTO experiments (name, stamp) VALUES (?, ?)", kept)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        self._follow(changes)

    def _follow(self, changes: Changes) -> None:
        for entry in changes.entries:
            if entry.experiment in self._stamps:
                self._stamps[entry.experiment][entry.id] = entry.stamp
            self.unended.pop((entry.experiment, entry.id), None)
            if entry.ended is None:
                self._keep_unended(entry)
        for experiment, run_id in changes.dropped:
            self._stamps.get(experiment, {}).pop(run_id, None)
            self.unended.pop((experiment, run_id), None)
        for name, stamp in changes.experiments.items():
            self.experiments.pop(name, None)
            if stamp is not None:
                self.experiments[name] = stamp

    def _keep_unended(self, entry: Entry) -> None:
        self.unended[entry.experiment, entry.id] = entry
