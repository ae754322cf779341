"""The history of a run's status: events.jsonl, and the state that follows from it."""

import errno
import os
import time

from runyard.record import event_log, jsonl
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

EventLog = event_log.EventLog
touch = event_log.touch


class State:
    """What the events of a run add up to.

    ``status``; ``reason`` and ``ended`` (seconds since 1970) once it ended; ``started``: when
    the script began to run; ``detail``: of the end, or of the last event; ``events``: all, and
    ``damaged`` those among them that say nothing.
    """

    def __init__(self, events: "List[Dict[str, Any]]") -> None:
        self.events = events
        self.status = Status.NOT_STARTED
        self.reason: "Optional[Reason]" = None
        self.started: "Optional[float]" = None
        self.ended: "Optional[float]" = None
        self.detail: "Dict[str, Any]" = {}
        self.damaged: "List[Dict[str, Any]]" = []
        for event in events:
            try:
                self._apply(event)
            except (KeyError, TypeError, ValueError):
                self.damaged.append(event)
            if self.status.ended:
                break

    def _apply(self, event: "Dict[str, Any]") -> None:
        status, moment = Status(event["status"]), jsonl.moment(event)
        reason = Reason(event["reason"]) if status.ended else None
        if moment is None:
            raise ValueError("no time")
        self.status = status
        self.detail = _detail(event)
        if status is Status.RUNNING and self.started is None:
            self.started = moment
        if status.ended:
            self.reason = reason
            self.ended = moment


def _detail(event: "Dict[str, Any]") -> "Dict[str, Any]":
    """What an event says beside its status, as far as that can be read."""
    found = event.get("detail")
    if not isinstance(found, dict):
        return {}
    if not isinstance(found.get("error"), (dict, type(None))):
        return {key: value for key, value in found.items() if key != "error"}
    return found


def read_state(run: RunDirectory, problems: "Optional[List[str]]" = None) -> State:
    """The state of a run from its own files alone.

    A pending cancel request shows as CancelRequested. Whether the runner still lives is for
    ``history.reconcile`` to say.
    """
    state = State(jsonl.read(run.events, problems))
    if problems is not None:
        problems.extend("{}: not an event: {!r:.200}".format(run.events, e) for e in state.damaged)
    if not state.status.ended and cancel_requested(run):
        state.status = Status.CANCEL_REQUESTED
    return state


def request(run: RunDirectory, what: str, **detail: "Any") -> None:
    """Leave a request for the runner (``cancel``): one file, there whole or not at all.

    On a full disk it is an empty file: its name says enough to end the run that filled the disk.
    """
    name = "{}-{:.6f}-{}.json".format(what, time.time(), os.getpid())
    path = os.path.join(run.requests, name)
    try:
        jsonl.write_once(path, dict(detail, request=what, t=time.time()), sync=False)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        from runyard.record import unwritten

        with unwritten.Writing("run {} was not asked to {}".format(run.id, what), path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def cancel_requested(run: RunDirectory) -> bool:
    """Whether somebody asked for the end of the run."""
    try:
        names = os.listdir(run.requests)
    except FileNotFoundError:
        return False
    return any(name.startswith("cancel-") and name.endswith(".json") for name in names)
