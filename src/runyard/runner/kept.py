"""What this runner keeps for another one that may have to start the run again.

Only while that can be: before the script begins, and for a run with ``max_restarts``. The way to a
script whose environment is there takes some milliseconds, for which nothing is kept.
"""

from __future__ import annotations

from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory

_kept: set[str] = set()
"""The ids of the runs, of which a runner has one."""


def keep(run: RunDirectory, spec: dict[str, Any]) -> None:
    """Keep this process's variables, and how it was started. Without, the run goes on as well."""
    if run.id in _kept:
        return
    from runyard.computes import restarting
    from runyard.errors import RunyardError

    try:
        restarting.keep(run, spec)
        _kept.add(run.id)
    except (OSError, RunyardError) as error:
        said.say(f"another runner could not start this run again: {error}")


def of_another(run: RunDirectory) -> None:
    """This process has taken the run over, and removes in the end what another runner has kept."""
    _kept.add(run.id)


def forget(run: RunDirectory) -> None:
    """Remove what was kept."""
    if run.id in _kept:
        from runyard.computes import restarting

        restarting.forget(run)
        _kept.discard(run.id)
