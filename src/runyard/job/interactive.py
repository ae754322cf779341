"""Runs that are their own runner: ``start_logging``, ``child_run``, and offline runs.

The process that starts one holds its lock until the run ends or the process does. Whoever holds
the lock, or can take it because nobody does, writes the end; anybody else leaves a request.
"""

import atexit
import os
import sys
import time

from runyard.errors import ExperimentExecutionException
from runyard.job.values import texts
from runyard.record import creation, events, jsonl, notes, owner, unwritten
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.owner import Ownership
from runyard.record.states import Reason, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Tuple

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.02
_REASONS = {
    "complete": Reason.COMPLETED,
    "fail": Reason.SCRIPT_EXCEPTION,
    "cancel": Reason.CANCELLED,
}


class _Owned:
    """A run whose lock this process holds."""

    def __init__(self, run: RunDirectory, ownership: Ownership, outputs: "Optional[str]") -> None:
        self.run = run
        self.ownership = ownership
        self.log = EventLog(run)
        self.outputs = outputs
        self.since = time.time()
        self.pid = os.getpid()


_owned: "Dict[str, _Owned]" = {}
_registered = False


def start(
    workspace: WorkspaceDirectory,
    experiment: str,
    *,
    outputs: "Optional[str]" = None,
    **what: "Any",
) -> "Tuple[RunDirectory, Ownership]":
    """Create a run and become its runner; it is Running when this returns (spec 11, 12.8).

    ``what`` is as for `create`. ``outputs``: a folder whose files, as far as they are written
    from now on, are copied to the run's ``outputs/`` when it ends. Raises UserErrorException when
    the run id is taken.
    """
    run = create(workspace, experiment, **what)
    ownership = begin(run, outputs)
    if ownership is None:
        raise ExperimentExecutionException("run {} was taken by another process".format(run.id))
    return run, ownership


def create(
    workspace: WorkspaceDirectory,
    experiment: str,
    *,
    run_id: "Optional[str]" = None,
    parent: "Optional[RunDirectory]" = None,
    display_name: "Optional[str]" = None,
    description: "Optional[str]" = None,
    tags: "Optional[Mapping[str, Any]]" = None,
    properties: "Optional[Mapping[str, Any]]" = None,
    snapshot: "Optional[str]" = None,
    git: "Optional[Mapping[str, Any]]" = None,
    type: "Optional[str]" = "interactive",
) -> RunDirectory:
    """Create a run that is NotStarted and nobody's; its parent, when given, learns of it."""
    record = {
        "type": type,
        "parent": None if parent is None else parent.id,
        "display_name": display_name,
        "description": description,
        "tags": texts(tags),
        "properties": texts(properties),
        "user": user_name(),
        "host": os.uname()[1],
        "snapshot": snapshot,
        "git": git,
        "spec": None,
        "run_configuration": None,
    }
    with unwritten.Writing("no run was made in experiment {!r}".format(experiment), workspace.runs):
        run = creation.create_run(workspace, experiment, record, run_id)
        for folder in (run.outputs, run.logs):
            os.mkdir(folder)
        if parent is not None:
            notes.NoteWriter(parent).write("child", None, run.id)
        creation.persist(run)
    return run


def user_name() -> str:
    """Who runs this process: the account's name, or its number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def begin(run: RunDirectory, outputs: "Optional[str]" = None) -> "Optional[Ownership]":
    """Become the runner of a run that is NotStarted; None when another process is."""
    owned = _mine(run)
    if owned is not None:
        return owned.ownership
    ownership = _take(run)
    if ownership is None:
        return None
    if events.State(jsonl.read(run.events)).status is not Status.NOT_STARTED:
        ownership.release()
        return None
    owned = _Owned(run, ownership, outputs)
    owned.log.status(Status.RUNNING, pid=os.getpid())
    _keep(owned)
    return ownership


def _take(run: RunDirectory) -> "Optional[Ownership]":
    """Take the lock; somebody who only looks whether it is held has it for a moment."""
    for _ in range(_TAKE_ATTEMPTS):
        ownership = owner.take(run.lock)
        if ownership is not None:
            owner.sign(ownership, dict(owner.identity(), run=run.path))
            return ownership
        if owner.is_alive(owner.signature(run.lock) or {"host": None}):
            return None
        time.sleep(_TAKE_PAUSE_S)
    return None


def _keep(owned: _Owned) -> None:
    global _registered  # noqa: PLW0603
    _owned[owned.run.path] = owned
    if not _registered:
        _registered = True
        atexit.register(_end_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    """A forked child is not the runner; its copy of the lock must not outlive the runner."""
    for owned in _owned.values():
        owned.ownership.release()
    _owned.clear()


def _mine(run: RunDirectory) -> "Optional[_Owned]":
    owned = _owned.get(run.path)
    return owned if owned is not None and owned.pid == os.getpid() else None


def is_owned(run: RunDirectory) -> bool:
    """Whether this process is the run's runner."""
    return _mine(run) is not None


def end(run: RunDirectory, what: str, error: "Optional[Dict[str, Any]]" = None) -> bool:
    """End a run, or ask its runner to: ``what`` is complete, fail or cancel.

    True when the end is written (or was before), False when a request was left because another
    living process is the runner. ``error`` is the error of the end, as in events.jsonl.
    """
    if events.State(jsonl.read(run.events)).status.ended:
        return True
    owned = _mine(run) or _adopt(run)
    if owned is None:
        detail = {} if error is None else {"error": error}
        events.request(run, what, **detail)
        return False
    _end(owned, what, error)
    return True


def _adopt(run: RunDirectory) -> "Optional[_Owned]":
    """Become the runner of a run that has none, in order to end it."""
    last = owner.signature(run.lock)
    if last and owner.is_alive(last) is None:
        return None  # another machine's: a lock that looks free here says nothing
    if jsonl.read_json(run.run_json).get("spec"):
        return None  # submitted: its runner may be about to start, or have left processes behind
    ownership = _take(run)
    if ownership is None:
        return None
    if events.State(jsonl.read(run.events)).status.ended:
        ownership.release()
        return None
    return _Owned(run, ownership, None)


def _end(owned: _Owned, what: str, error: "Optional[Dict[str, Any]]") -> None:
    reason = _REASONS[what]
    try:
        if owned.outputs is not None:
            _collect(owned.outputs, owned)
        detail: "Dict[str, Any]" = {"hint": reason.hint} if reason.hint else {}
        if error is not None:
            detail["error"] = error
        what_failed = "the end of run {} ({}) was not recorded".format(owned.run.id, reason.value)
        with unwritten.Writing(what_failed, owned.run.events):
            owned.log.end(reason, **detail)
    finally:
        _owned.pop(owned.run.path, None)
        owned.log.close()
        owned.ownership.release()


def _collect(folder: str, owned: _Owned) -> None:
    """Copy what was written to ``folder`` since the run began; nothing there is replaced."""
    import shutil

    for parent, _, names in os.walk(folder):
        for name in names:
            source = os.path.join(parent, name)
            target = os.path.join(owned.run.outputs, os.path.relpath(source, folder))
            try:
                # A file system may keep times in steps of up to two seconds.
                if os.stat(source).st_mtime < owned.since - 2 or os.path.exists(target):
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
            except FileNotFoundError:
                continue  # a link that leads nowhere, or removed just now


def _end_at_exit() -> None:
    """The process ends: so do its runs, failed when an uncaught exception is the cause."""
    error = _uncaught()
    for owned in reversed([o for o in _owned.values() if o.pid == os.getpid()]):
        if not os.path.isdir(owned.run.path):
            continue  # removed with its temporary workspace
        asked = _requested(owned.run)
        what, detail = asked[-1] if asked else ("complete", None)
        if error is not None:
            what, detail = "fail", exception_error(error)
        _end(owned, what, detail)


def _uncaught() -> "Optional[BaseException]":
    # sys.exit(3) leaves no trace: Python keeps neither that exception nor the code.
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return None  # at a prompt, an exception ends nothing
    found = getattr(sys, "last_value", None)
    return found if isinstance(found, BaseException) else None


def _requested(run: RunDirectory) -> "List[Tuple[str, Optional[Dict[str, Any]]]]":
    """What other processes asked for, by time."""
    found = []
    for name in os.listdir(run.requests):
        what = name.partition("-")[0]
        if what in _REASONS and name.endswith(".json"):
            try:
                request = jsonl.read_json(os.path.join(run.requests, name))
            except (OSError, ValueError):  # left on a full disk: the name says enough
                request = {}
            error = request.get("error")
            detail = error if isinstance(error, dict) else None
            found.append((jsonl.moment(request) or 0.0, what, detail))
    return [(what, error) for _, what, error in sorted(found, key=lambda item: item[0])]


def exception_error(error: BaseException, code: "Optional[str]" = None) -> "Dict[str, Any]":
    """An exception as the error of a run (spec 12.5, Appendix A)."""
    import traceback

    from runyard.job.details import failed_with

    stack = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "type": type(error).__name__,
        "message": failed_with(type(error).__name__, str(error)),
        "traceback": "".join(stack),
        "code": code or "UserError",
    }
