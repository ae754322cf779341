"""What this runner keeps for another one that may have to start the run again.

Only while that can be: before the script begins, and for a run with ``max_restarts``; and until
what the script leaves is stored, which may take the credentials of the submitter.
"""

from __future__ import annotations

import os

from runyard.computes import user_memory
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory

_kept: set[str] = set()
_kept_in_memory: set[str] = set()
"""The ids of the runs, of which a runner has one."""


def keep_in_memory(run: RunDirectory, spec: dict[str, Any]) -> None:
    """Keep this process's variables for the milliseconds before the script, at 0.1 ms.

    ``computes.restarting`` reads it. Nothing of it outlives a restart of the machine.
    """
    # Whoever goes on with the run has a program and places of its own: finding ours takes imports.
    order = user_memory.order(run, spec, ("", ""), {})
    body = {**order, "pool": run.path, "variables": dict(os.environ)}
    try:
        folder = user_memory.folder_of(run.path)
        user_memory.make(os.path.dirname(folder))
        user_memory.make(folder)
        user_memory.write(os.path.join(folder, user_memory.RUN), body)
    except OSError:  # it is there of a runner before this one, or there is no such memory
        return
    _kept_in_memory.add(run.id)


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
    elif run.id in _kept_in_memory:
        _forget_in_memory(run)
    _kept_in_memory.discard(run.id)


def _forget_in_memory(run: RunDirectory) -> None:
    try:
        folder = user_memory.folder_of(run.path)
        os.unlink(os.path.join(folder, user_memory.RUN))
        os.rmdir(folder)
    except OSError:
        return
