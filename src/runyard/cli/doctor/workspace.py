"""The doctor on the workspace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from runyard.cli import formats, opening
from runyard.cli.doctor.finding import Finding, error, ok, warning
from runyard.cli.doctor.tools import why_not_writable
from runyard.errors import RunyardError
from runyard.history import workspace_folder as folder
from runyard.history.entry import DAMAGED
from runyard.record.layout import WorkspaceDirectory


def workspace() -> Iterator[Finding]:
    """Which one it is, whether it can be used, and its runs."""
    try:
        directory = opening.planned().directory
        if not folder.is_workspace(directory):
            yield ok("workspace", "none here or above; runyard submit, or runyard init, makes one")
            return
        content = folder.read(directory)
    except RunyardError as failure:
        yield error("workspace", failure.message, "choose another with --workspace")
        return
    yield _writable(directory, f"{content['name']}, format {content['format']}, {directory.path}")
    yield from _runs(directory)
    yield _verified(directory)


LONGEST_S = 2.0
"""How long the doctor looks whether a workspace is whole."""


class _OutOfTimeError(Exception):
    """There is more than can be looked at while somebody waits for the doctor."""


def _verified(directory: WorkspaceDirectory, now: Callable[[], float] = time.monotonic) -> Finding:
    """What `runyard verify` finds, as far as that is quick."""
    from runyard.history import verification

    until = now() + LONGEST_S

    def hurry() -> None:
        if now() > until:
            raise _OutOfTimeError

    try:
        report = verification.examine(directory, before_each=hurry)
    except _OutOfTimeError:
        text = f"not looked at to the end in {LONGEST_S:.0f} s; all of it: runyard verify"
        return ok("verify", text)
    wrong = [finding for finding in report.findings if finding.level == "error"]
    if not wrong:
        return ok("verify", "nothing is wrong; contents are read by: runyard verify --deep")
    things = formats.count(len(wrong), "thing")
    text = f"{things} wrong, such as: {wrong[0].place} {wrong[0].text}"
    return warning("verify", text, "all of them, and what to do: runyard verify")


def _writable(directory: WorkspaceDirectory, text: str) -> Finding:
    problem = why_not_writable(directory.path)
    if problem is None:
        return ok("workspace", text)
    return warning(
        "workspace",
        f"{text}: cannot be written: {problem}",
        "runs can be looked at, but none can be submitted; make it writable",
    )


def _runs(directory: WorkspaceDirectory) -> Iterator[Finding]:
    import warnings

    from runyard.history.index import Index

    index = Index(directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged runs are findings of their own
            entries = index.select()
    finally:
        index.close()
    unended = sum(1 for entry in entries if entry.ended is None and entry.status != DAMAGED)
    yield ok("runs", f"{formats.count(len(entries), 'run')}, {unended} of them not ended")
    for entry in entries:
        if entry.status == DAMAGED:
            path = directory.run(entry.experiment, entry.id).path
            text = f"{entry.id} cannot be read: {entry.problem}"
            yield warning("runs", text, f"put its files back, or remove {path}")
