"""From the content of a run.json to a started runner: the only place of ``config`` that acts."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runyard.config import planning
from runyard.errors import ExperimentExecutionException
from runyard.history.reconcile import HANDLE
from runyard.history.writing import advice, writing
from runyard.record import creation, jsonl, notes, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason

if TYPE_CHECKING:
    from runyard.record.owner import Ownership

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.01

_log = logging.getLogger(__name__)


def start(
    workspace: WorkspaceDirectory,
    experiment: str,
    record: dict[str, Any],
    secrets: Mapping[str, str],
    *,
    run_id: str | None = None,
    parent: RunDirectory | None = None,
    recorded: Callable[[], None] = lambda: None,
) -> RunDirectory:
    """Write a new run directory and have its target start a runner.

    ``record``: the content of run.json. ``secrets``: variables for the script that must not
    touch the disk. ``parent``: learns of its child. ``recorded``: called when run.json is there.
    Raises UserErrorException for a run id that
    is taken or cannot be used; ExperimentExecutionException when the workspace cannot be written
    to (nothing is left behind), or when the target started nothing: that run stays, Failed with
    the reason launch_failed.
    """
    with writing(workspace):
        run = creation.create_run(workspace, experiment, record, run_id)
        recorded()
        ownership = _own(run, parent)
    try:
        persisted = _submit(run, ownership, record["spec"], secrets)
    finally:
        ownership.release()
    if not persisted:
        try:
            creation.persist(run)  # after the start: the script does not wait for the disk
        except OSError as error:  # the run goes on, and must not be submitted again
            _log.warning("run %s has started; a loss of power may lose it: %s", run.id, error)
    return run


def _own(run: RunDirectory, parent: RunDirectory | None) -> Ownership:
    try:
        ownership = _take(run)
        if parent is not None:
            notes.NoteWriter(parent).write("child", None, run.id)
    except OSError:
        creation.remove(run)
        raise
    return ownership


def _take(run: RunDirectory) -> Ownership:
    """Become the runner. Whoever looks whether the lock is held has it for a moment."""
    for _ in range(_TAKE_ATTEMPTS):
        ownership = owner.take(run.lock)
        if ownership is not None:
            owner.sign(ownership, owner.identity())
            return ownership
        time.sleep(_TAKE_PAUSE_S)
    raise ExperimentExecutionException(
        f"run {run.id}: another process took the run before it could be started; submit it again"
    )


def _submit(
    run: RunDirectory, ownership: Ownership, spec: Mapping[str, Any], secrets: Mapping[str, str]
) -> bool:
    """Have the target start a runner; whether it has made the run survive power loss as well."""
    target_name, relayed = spec["target"], bool(spec.get("relay"))
    target = planning.find_target(target_name, run.workspace)
    try:
        if relayed:
            from runyard.data.relay import placing

            secrets = {**secrets, **placing.place(run)}
        handle = target.submit(run, ownership, secrets)
    except Exception as error:
        _end_unstarted(run, error)
        todo = advice(error)
        raise ExperimentExecutionException(
            f"run {run.id} could not be started on {target_name!r}: {error}; "
            f"{todo + '; ' if todo else ''}the run is kept as Failed in {run.path!r}",
            error,
        ) from error
    try:
        jsonl.write_once(run.join(HANDLE), handle, sync=False)
    except OSError as error:  # the run is on its way and must not be reported as not started
        _log.warning("run %s: %s could not be written: %s", run.id, HANDLE, error)
    if relayed:
        from runyard.data.relay import keeping

        keeping.start(run, ownership)
    return bool(handle.get("persisted"))


def _end_unstarted(run: RunDirectory, error: Exception) -> None:
    detail = {
        "type": type(error).__name__,
        "message": f"{error}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    events = EventLog(run)
    with contextlib.suppress(OSError):  # a full disk: without an end the run counts as lost
        events.end(Reason.LAUNCH_FAILED, error=detail)
    events.close()
