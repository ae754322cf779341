"""Which snapshots the runs of a workspace refer to."""

from __future__ import annotations

import os
from collections.abc import Iterator

from runyard.history.entry import newer_format
from runyard.record import notes, run_json
from runyard.record.layout import FORMAT, RunDirectory, WorkspaceDirectory

PROPERTY = "ContentSnapshotId"
"""The property of a run by which a script names the snapshot it has taken itself."""

_Stamp = tuple[int, int]
_UNKNOWN = (0, 0)


class References:
    """The snapshots that runs refer to; `refresh` reads what has come since.

    ``problems``: runs that cannot be read, by their path: each of them may refer to anything.
    """

    def __init__(self, workspace: WorkspaceDirectory) -> None:
        self._workspace = workspace
        self._stamps: dict[str, _Stamp] = {}
        self._notes: dict[str, frozenset[tuple[str, int]]] = {}
        self._found: dict[str, frozenset[str]] = {}
        self.problems: dict[str, str] = {}

    def refresh(self) -> None:
        """Look which runs there are now. One that has a snapshot keeps it, and is read once.

        Raises OSError, also where there is no folder of runs: it may lie on a disk that is not
        there now.
        """
        present = dict(_runs(self._workspace))
        for path in self._stamps.keys() - present.keys():
            self._forget(path)
        for path, stamp in present.items():
            if self._stamps.get(path) != stamp or stamp == _UNKNOWN or self._has_notes(path):
                self._read(path, stamp)

    @property
    def ids(self) -> set[str]:
        """The ids of all snapshots that runs refer to."""
        return set().union(*self._found.values())

    def _has_notes(self, path: str) -> bool:
        """Whether a run without a snapshot has noted something since it was read."""
        return not self._found[path] and self._notes[path] != _notes(path)

    def _forget(self, path: str) -> None:
        del self._stamps[path], self._notes[path]
        self._found.pop(path, None)
        self.problems.pop(path, None)

    def _read(self, path: str, stamp: _Stamp) -> None:
        self._stamps[path] = stamp
        self._notes[path] = _notes(path)  # before it is read: what comes meanwhile is read again
        self.problems.pop(path, None)
        try:
            self._found[path] = frozenset(snapshots_of(RunDirectory(path)))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            self._found[path] = frozenset()
            self.problems[path] = f"{type(error).__name__}: {error}"


def snapshots_of(run: RunDirectory) -> Iterator[str]:
    """The snapshots that one run refers to.

    Raises OSError, ValueError: its files are damaged, or of a newer release, which may name its
    snapshots otherwise.
    """
    record = run_json.read(run)
    if record.get("format", FORMAT) > FORMAT:
        raise ValueError(newer_format(record["format"]))
    named = [record.get("snapshot"), (record.get("properties") or {}).get(PROPERTY)]
    if not any(named):  # a run has one: only without could its script have taken one
        named.append(notes.read_notes(run, record).properties.get(PROPERTY))
    yield from (str(each) for each in named if each)


def _runs(workspace: WorkspaceDirectory) -> Iterator[tuple[str, _Stamp]]:
    """Every run directory with a run.json and a stamp of that file; (0, 0) where it cannot be had.

    What may hold runs, and cannot be looked into, is one that cannot be read.
    """
    with os.scandir(workspace.runs) as entries:
        experiments = [entry for entry in entries if not entry.name.startswith(".")]
    for experiment in experiments:
        try:
            names = os.listdir(experiment.path)
        except NotADirectoryError:
            continue
        except OSError:  # no right to read it, or a link to a disk that is not there now
            yield experiment.path, _UNKNOWN
            continue
        for name in names:
            path = os.path.join(experiment.path, name)
            stamp = _stamp(path)
            if stamp is not None:
                yield path, stamp


def _notes(path: str) -> frozenset[tuple[str, int]]:
    """The files of notes of a run, with their sizes: they only grow."""
    try:
        with os.scandir(RunDirectory(path).notes) as entries:
            return frozenset((e.name, e.stat(follow_symlinks=False).st_size) for e in entries)
    except OSError:
        return frozenset()


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.lstat(os.path.join(path, "run.json"))
    except NotADirectoryError:
        return None
    except FileNotFoundError:
        # In the making, or never finished: nobody was told of it. But behind a link may be one.
        return _UNKNOWN if os.path.islink(path) else None
    except OSError:
        return _UNKNOWN
    return found.st_ino, found.st_mtime_ns
