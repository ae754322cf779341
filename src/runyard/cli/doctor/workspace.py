"""The doctor on the workspace."""

from __future__ import annotations

from collections.abc import Iterator

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
