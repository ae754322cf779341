"""What is said of runs whose files cannot be read: once in a process for each of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from runyard.history.entry import DAMAGED, Entry
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

_warned: set[str] = set()


def warn(entries: Iterable[Entry], workspace: WorkspaceDirectory) -> None:
    """Name those that are listed as Damaged."""
    for entry in entries:
        if entry.status == DAMAGED:
            _warn_of(workspace.run(entry.experiment, entry.id), entry.problem or "")


def warn_of_doubtful(entries: Iterable[Entry], workspace: WorkspaceDirectory) -> None:
    """Name those that go on, as far as anybody can tell, and whose events are damaged.

    Those of which no end will come are `runyard.history.reconcile`'s: they are NotResponding.
    """
    for entry in entries:
        if entry.problem and entry.status not in (DAMAGED, Status.NOT_RESPONDING.value):
            text = (
                f"run {entry.id} is listed as {entry.status}, which is all that can be read of its "
                f"events: {entry.problem}. An end that is still to come will be read; for one that "
                "was written before, put a copy of the file back"
            )
            _say_once(workspace.run(entry.experiment, entry.id), text)


def _warn_of(run: RunDirectory, problem: str) -> None:
    text = (
        f"run {run.id} cannot be read and is listed as {DAMAGED}: {problem}. Put a copy of its "
        f"files back, or remove its folder {run.path}"
    )
    _say_once(run, text)


def _say_once(run: RunDirectory, text: str) -> None:
    if run.path not in _warned:
        _warned.add(run.path)
        warnings.warn(text, stacklevel=5)
