"""Whether a workspace is whole: every kind of file it has, and the laws of docs/run-directory.md.

`examine` only reads, follows no paths that files name, and looks at each thing by itself: what one
file says, or that it cannot be read, keeps nothing else from being looked at. It may run beside
runs and submissions, and on a workspace of somebody else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from runyard.history.verification import registries, runs, store, whole
from runyard.history.verification.finding import Finding
from runyard.record.layout import WorkspaceDirectory

__all__ = ["Finding", "Report", "examine", "repair"]


@dataclass
class Report:
    """What was found: ``counts`` of what was looked at, by kind; ``findings`` in its order."""

    deep: bool
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong that was not repaired; warnings do not count."""
        return not any(f.level == "error" and not f.repaired for f in self.findings)


def _go_on() -> None:
    """There is time."""


def examine(
    workspace: WorkspaceDirectory, *, deep: bool = False, before_each: Callable[[], None] = _go_on
) -> Report:
    """Look at everything. ``deep``: read metrics and the content of every blob as well.

    ``before_each``: called before each run, snapshot and blob; what it raises is raised.
    """
    report = Report(deep)
    report.findings += whole.workspace_json(workspace)
    known = runs.Runs(workspace, deep, before_each)
    _guarded(report, workspace.runs, known.examine)
    blobs = store.Store(workspace, known.snapshots, deep, before_each)
    _guarded(report, os.path.join(workspace.path, "snapshots"), blobs.examine)
    _guarded(report, workspace.path, lambda: registries.examine(workspace, report.counts))
    _guarded(report, workspace.index, lambda: whole.index(workspace))
    _guarded(report, workspace.path, lambda: whole.caches(workspace))
    report.counts = {"runs": known.count, **blobs.counts, **report.counts}
    return report


def _guarded(report: Report, place: str, look: Callable[[], Iterator[Finding]]) -> None:
    """A folder that cannot be read is a finding, and the rest is looked at."""
    try:
        report.findings.extend(look())
    except OSError as error:
        where = os.fspath(error.filename) if error.filename else place
        text = f"cannot be read: {error.strerror or error}"
        report.findings.append(Finding("error", str(where), text, "check who may read there"))


def repair(workspace: WorkspaceDirectory, report: Report) -> None:
    """Carry out what is safe, and look again: nothing is lost by it. Others keep their advice.

    What was put aside is missing then; the report says so until it is stored anew.
    """
    for finding in report.findings:
        if finding.mend is not None and not finding.repaired:
            try:
                finding.mend()
                finding.repaired = True
            except OSError as error:
                finding.advice = f"the repair failed: {error.strerror or error}. {finding.advice}"
    if any(finding.repaired for finding in report.findings):
        known = {(f.place, f.text) for f in report.findings if not f.repaired}
        left = examine(workspace, deep=report.deep)
        report.counts = left.counts
        report.findings += [f for f in left.findings if (f.place, f.text) not in known]
