"""Asking runs to end, and waiting for it."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.cli import ending, facts, opening, output, run_names, summary
from runyard.history.run import Run


def cancel(names: Sequence[str], *, wait: bool, as_json: bool) -> None:
    """End the runs of those names; all names are looked up before anything is ended."""
    workspace = opening.existing()
    runs = {run.path: run for run in (run_names.resolve(workspace, name) for name in names)}
    going = [run for run in runs.values() if not facts.read(run).status.ended]
    for run in going:
        Run(run).cancel()
    if wait:
        for run in going:
            Run(run).wait_for_completion(raise_on_error=False)
    found = [facts.read(run) for run in runs.values()]
    if as_json:
        output.to_json([summary.in_short(item) for item in found])
        return
    for item in found:
        already = "" if item.run in going else ", it had ended before"
        output.text(f"{item.run.id}: {ending.coloured(item.status.value)}{already}")
