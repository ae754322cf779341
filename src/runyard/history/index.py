"""All runs of a workspace in one table, so that a list need not open every run directory.

The run directories are the truth; the index is brought up to date by every use of it. When names
came or went in the folder of an experiment, its change time tells, and it is listed; the
modification time of a run directory is the run's change stamp (``record.events.touch``), compared
for the runs that a list shows. Only where a filter asks for what may have changed since are all
runs asked for their stamps. What is shown of a run that has ended is compared with its files as
well, since damage leaves no stamp.
"""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from runyard.history import damaged_runs, run_folders
from runyard.history.database import Database
from runyard.history.entry import DAMAGED, Entry, files_of, read_entry
from runyard.history.index_place import index_path
from runyard.history.index_query import Query, matching
from runyard.history.index_table import Changes, Table
from runyard.record.layout import WorkspaceDirectory

_RACY_NS = 2_000_000_000
"""A stamp younger than this may be given again to a later change: clocks of file systems tick
every 4 ms (ext4) to 2 s (others). Such a run, or experiment, is read again next time."""
_LOOKED_AT = 1_000
"""So many of the newest runs of a list are compared with their files, at 10 µs each; of older ones
``runyard verify`` tells. A list of 10,000 may take 100 ms."""


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
        self._table = Table()
        self.has_lost_ends = False
        """Whether runs that had ended have no end any more, as the last `select` has found."""

    def select(self, query: Query | None = None) -> list[Entry]:
        """The runs that match, newest first, as they are now.

        Runs that cannot be read are in the list, with status ``Damaged``; a warning names each
        of them once.
        """
        query = query or Query()
        self.has_lost_ends = False
        entries = self._database.run(lambda db: self._select(db, query))
        damaged_runs.warn(entries, self._workspace)
        return entries

    def unended(self) -> list[Entry]:
        """The runs without an end, oldest first."""

        def action(db: sqlite3.Connection) -> list[Entry]:
            self._refresh(db)
            self._read_again(db, list(self._table.unended.values()))
            return sorted(
                (entry for entry in self._table.unended.values() if entry.status != DAMAGED),
                key=lambda entry: (entry.created, entry.id),
            )

        return self._database.run(action)

    def environments(self) -> dict[str, int]:
        """How many runs were submitted with the environment of each key."""

        def action(db: sqlite3.Connection) -> dict[str, int]:
            self._refresh(db, every_run=True)
            counts = (
                "SELECT environment, count(*) FROM runs WHERE environment IS NOT NULL GROUP BY 1"
            )
            return dict(db.execute(counts))

        return self._database.run(action)

    def rebuild(self) -> int:
        """Forget everything and read all runs again; returns how many there are."""

        def action(db: sqlite3.Connection) -> int:
            db.execute("DELETE FROM runs")
            db.execute("DELETE FROM experiments")
            self._table = Table()
            self._refresh(db)
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
        """What was read again may not match, so that others take its place."""
        every_run = query.asks_for_what_changes
        self._refresh(db, query.experiment, every_run=every_run)
        compared: set[tuple[str, str]] = set()
        while True:
            found = matching(db, query)
            new = found
            if compared:
                new = [entry for entry in found if (entry.experiment, entry.id) not in compared]
            suspects = [*self._changed_in_place(new[:_LOOKED_AT])]
            if not every_run:
                suspects += self._stamped(new)
            if not self._read_again(db, suspects):
                return found
            compared.update((entry.experiment, entry.id) for entry in new)

    def _changed_in_place(self, entries: list[Entry]) -> Iterator[Entry]:
        """Those that have ended and whose files are not what they were when they were read."""
        for group, folder_fd in self._by_folder(entries):
            for entry in group:
                if entry.ended is not None and files_of(entry.id, folder_fd) != entry.files:
                    yield entry

    def _stamped(self, entries: list[Entry]) -> Iterator[Entry]:
        """Those that go on, or say that they have changed."""
        stamp = run_folders.stamp
        for group, folder_fd in self._by_folder(entries):
            for entry in group:
                if entry.ended is None or stamp(entry.id, folder_fd) != entry.stamp:
                    yield entry

    def _by_folder(self, entries: Iterable[Entry]) -> Iterator[tuple[list[Entry], int]]:
        """Those of each experiment, with its folder, open."""
        by_experiment: dict[str, list[Entry]] = {}
        for entry in entries:
            by_experiment.setdefault(entry.experiment, []).append(entry)
        for name, group in by_experiment.items():
            with (
                suppress(FileNotFoundError),
                run_folders.opened(self._workspace.experiment(name)) as fd,
            ):
                yield group, fd

    def _read_again(self, db: sqlite3.Connection, entries: list[Entry]) -> bool:
        """Whether any of them is not what it was."""
        changes = Changes()
        # One may be suspect for two reasons.
        known = {(entry.experiment, entry.id): entry for entry in entries}
        for group, folder_fd in self._by_folder(known.values()):
            for old in group:
                new = self._read(old.experiment, old.id, run_folders.stamp(old.id, folder_fd))
                if new is None:
                    changes.dropped.append((old.experiment, old.id))
                elif new != old:
                    changes.entries.append(new)
        self._write(db, changes)
        return bool(changes)

    def _refresh(
        self, db: sqlite3.Connection, experiment: str | None = None, *, every_run: bool = False
    ) -> None:
        """Find out which runs have come and gone; with ``every_run`` also which have changed."""
        self._table.load(db)
        changes = Changes()
        if experiment is None:
            names = run_folders.experiment_names(self._workspace)
            for name in self._table.experiments.keys() - names:
                self._drop(db, name, changes)
        else:
            names = [experiment]
        for name in names:
            try:
                with run_folders.opened(self._workspace.experiment(name)) as fd:
                    self._scan(db, name, fd, changes, every_run=every_run)
            except (FileNotFoundError, NotADirectoryError):
                self._drop(db, name, changes)
        self._write(db, changes)

    def _drop(self, db: sqlite3.Connection, name: str, changes: Changes) -> None:
        if name in self._table.experiments:
            changes.dropped += [(name, run_id) for run_id in self._table.stamps(db, name)]
            changes.experiments[name] = None

    def _scan(
        self, db: sqlite3.Connection, name: str, fd: int, changes: Changes, *, every_run: bool
    ) -> None:
        """Find out what is new in one experiment."""
        names_stamp = run_folders.names_stamp(fd)
        known_stamp = self._table.experiments.get(name)
        if names_stamp == known_stamp and not every_run:
            return
        stamps = self._table.stamps(db, name)
        present = run_folders.run_names(fd)
        changes.dropped += [(name, run_id) for run_id in stamps if run_id not in present]
        is_whole = True
        for run_id in present if every_run else present - stamps.keys():
            stamp = run_folders.stamp(run_id, fd)
            known = self._table.unended.get((name, run_id))
            if known is None and stamps.get(run_id) == stamp:
                continue
            entry = self._read(name, run_id, stamp)
            if entry is None:  # just being made, or what somebody has left of it
                is_whole = False
                changes.dropped += [(name, run_id)] if run_id in stamps else []
            elif entry != known:
                changes.entries.append(entry)
        if not is_whole or self._is_racy(names_stamp):
            names_stamp = 0
        if names_stamp != known_stamp:
            changes.experiments[name] = names_stamp

    def _read(self, name: str, run_id: str, stamp: int) -> Entry | None:
        return read_entry(self._workspace.run(name, run_id), 0 if self._is_racy(stamp) else stamp)

    def _is_racy(self, stamp: int) -> bool:
        return self._now_ns() - stamp < _RACY_NS

    def _write(self, db: sqlite3.Connection, changes: Changes) -> None:
        if not changes:
            return
        ends = (self._table.had_ended(db, entry) for entry in changes.entries if not entry.ended)
        self.has_lost_ends |= any(ends)
        self._table.write(db, changes)


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
