"""From the content of a run.json to a started runner: the only place of ``config`` that acts."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from runyard.errors import ExperimentExecutionException
from runyard.history import reconcile
from runyard.history.writing import advice, writing
from runyard.record import creation, notes, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason

if TYPE_CHECKING:
    from runyard.computes.protocol import ComputeTarget
    from runyard.record.owner import Ownership

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.01

_log = logging.getLogger(__name__)


def start(
    workspace: WorkspaceDirectory,
    experiment: str,
    target: ComputeTarget,
    content: Content,
    secrets: Mapping[str, str],
    *,
    run_id: str | None = None,
    parent: RunDirectory | None = None,
    recorded: Callable[[], None] = lambda: None,
) -> RunDirectory:
    """Write a new run directory and have its target start a runner.

    ``content``: of run.json. ``secrets``: variables for the script that must not touch the disk.
    ``parent``: learns of its child. ``recorded``: called when run.json is there.
    Raises UserErrorException for a run id that
    is taken or cannot be used; ExperimentExecutionException when the workspace cannot be written
    to (nothing is left behind), or when the target started nothing: that run stays, Failed with
    the reason launch_failed.
    """
    with writing(workspace):
        run = creation.make_folder(workspace, experiment, run_id)
    filling = _Filling(run, content, parent, recorded)
    with writing(workspace):
        ownership = filling.own()
    try:
        persisted = _submit(run, ownership, target, secrets, filling)
    finally:
        ownership.release()
    if not persisted:
        try:
            creation.persist(run)  # after the start: the script does not wait for the disk
        except OSError as error:  # the run goes on, and must not be submitted again
            _log.warning("run %s has started; a loss of power may lose it: %s", run.id, error)
    return run


class Content(NamedTuple):
    """What is to be in a run.json: ``spec``, and the ``rest``, made when it is to be written."""

    spec: dict[str, Any]
    rest: Callable[[], dict[str, Any]]


class _Filling:
    """What makes a run of a new folder: run.json, written once, and the note of its parent."""

    def __init__(
        self,
        run: RunDirectory,
        content: Content,
        parent: RunDirectory | None,
        recorded: Callable[[], None],
    ) -> None:
        self._run = run
        self._content = content
        self._parent = parent
        self._recorded = recorded
        self._done = False
        self.failure: BaseException | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """The JobSpec of the run."""
        return self._content.spec

    def own(self) -> Ownership:
        """The lock of the run; the folder is removed when it cannot be had. Raises OSError."""
        try:
            return _take(self._run)
        except (OSError, ExperimentExecutionException):
            creation.remove(self._run)
            raise

    def __call__(self) -> None:
        """Do it, if that is not done. Raises ExperimentExecutionException; the folder is gone then.

        Whoever has asked a target for a runner by then takes that back.
        """
        if self._done:
            return
        try:
            with writing(self._run.workspace):
                creation.fill(self._run, {**self._content.rest(), "spec": self._content.spec})
                if self._parent is not None:
                    notes.NoteWriter(self._parent).write("child", None, self._run.id)
        except BaseException as error:
            self.failure = error
            creation.remove(self._run)
            raise
        self._done = True
        self._recorded()


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
    run: RunDirectory,
    ownership: Ownership,
    target: ComputeTarget,
    secrets: Mapping[str, str],
    fill: _Filling,
) -> bool:
    """Have the target start a runner; whether it has made the run survive power loss as well."""
    spec = fill.spec
    target_name, relayed = spec["target"], bool(spec.get("relay"))
    # One that waits for others anyhow has the run filled meanwhile.
    beside = None if relayed else getattr(target, "submit_beside", None)
    if beside is None:
        fill()
    try:
        if relayed:
            from runyard.data.relay import placing

            secrets = {**secrets, **placing.place(run)}
        handle = (
            target.submit(run, ownership, secrets)
            if beside is None
            else beside(run, ownership, secrets, spec, fill)
        )
    except Exception as error:
        if fill.failure is not None:
            raise fill.failure from None
        fill()
        _end_unstarted(run, error)
        todo = advice(error)
        raise ExperimentExecutionException(
            f"run {run.id} could not be started on {target_name!r}: {error}; "
            f"{todo + '; ' if todo else ''}the run is kept as Failed in {run.path!r}",
            error,
        ) from error
    if not handle.get(reconcile.KEPT):
        reconcile.keep(run, handle)
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
