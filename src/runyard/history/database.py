"""The SQLite file behind the index: opened, made anew when it is no use, or kept in memory."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")

SCHEMA = 4
"""Number of the tables' form; a file with another one is emptied and filled again."""

_TABLES = """
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS experiments;
CREATE TABLE runs (
    experiment TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, parent TEXT,
    status TEXT NOT NULL, reason TEXT, created REAL NOT NULL, started REAL, ended REAL,
    display_name TEXT, tags TEXT NOT NULL, properties TEXT NOT NULL, target TEXT,
    stamp INTEGER NOT NULL, problem TEXT, environment TEXT, files TEXT NOT NULL,
    PRIMARY KEY (experiment, id)
) WITHOUT ROWID;
CREATE INDEX newest ON runs (created DESC, length(id), id DESC);
CREATE INDEX newest_of_experiment ON runs (experiment, created DESC, length(id), id DESC);
CREATE INDEX unended ON runs (experiment, id) WHERE ended IS NULL;
CREATE TABLE experiments (name TEXT PRIMARY KEY, stamp INTEGER NOT NULL);
"""
_BUSY_TIMEOUT_S = 5.0
_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "beegfs",
    "gpfs",
    "ceph",
    "glusterfs",
    "9p",
)

_of_parents: list[sqlite3.Connection] = []
_all: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """Two tables, ``runs`` and ``experiments``, for all threads of this process.

    A forked child opens it again. The file holds nothing that is not in the run directories. So no
    state of it is an error: one that is not ours is replaced, and where none can be kept (read-only
    folder, full disk, no locks) the tables live in memory.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._where = path
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()
        _all.add(self)

    @property
    def in_memory(self) -> bool:
        """True once the file turned out to be of no use."""
        return self._where == ":memory:"

    def __del__(self) -> None:
        self.close()

    def run(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Do something with the connection; done again when the file had to be replaced."""
        self._after_fork()
        with self._lock:
            for remedy in (self._replace, self._leave_disk):
                try:
                    return action(self._connected())
                except sqlite3.DatabaseError as error:
                    self.close()
                    # Operational: locked, read-only or full; a new file would fare no better.
                    unusable = isinstance(error, sqlite3.OperationalError)
                    (self._leave_disk if unusable else remedy)()
            return action(self._connected())

    def close(self) -> None:
        """Close the file; the next action opens it again."""
        self._after_fork()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _after_fork(self) -> None:
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._lock = threading.RLock()
        if self._connection is not None:
            # Closing it here would take the parent's locks away (sqlite.org/howtocorrupt.html).
            _of_parents.append(self._connection)
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self._where)
        return self._connection

    def _replace(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                os.unlink(self._path + suffix)
            except FileNotFoundError:
                pass
            except OSError:
                self._leave_disk()

    def _leave_disk(self) -> None:
        self._where = ":memory:"


@atexit.register
def _close_all() -> None:
    """The last one to close it writes back what is beside it: also where nothing is collected."""
    for database in _all:
        database.close()


def _open(where: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        where, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, where)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    # WAL lets lists go on while another process writes; it needs memory shared by all processes,
    # which machines on a network file system do not have.
    mode = "DELETE" if on_network(where) else "WAL"
    with contextlib.suppress(sqlite3.OperationalError):  # open elsewhere in the other: both work
        connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("PRAGMA synchronous=NORMAL")
    if _schema_of(connection) == SCHEMA:
        return
    connection.execute("BEGIN IMMEDIATE")
    if _schema_of(connection) != SCHEMA:
        for statement in _TABLES.split(";"):  # executescript would end the transaction
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute("COMMIT")


def _schema_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def on_network(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether the file lies on a file system that other machines share; False when unknown."""
    try:
        lines = Path(mounts).read_text(errors="replace").splitlines()
    except OSError:
        return False
    best, kind = "", ""
    for line in lines:
        _, point, file_system, *_ = [*line.split(" "), "", "", ""]
        point = point.replace("\\040", " ")
        if _holds(point, path) and len(point) >= len(best):
            best, kind = point, file_system
    return kind.removeprefix("fuse.").startswith(_NETWORK_FILE_SYSTEMS) or kind == "fuse.sshfs"


def _holds(folder: str, path: str) -> bool:
    return bool(folder) and (folder in ("/", path) or path.startswith(folder + "/"))
