"""Turning how a process ended into the one typed reason, with what the user needs to know."""

from __future__ import annotations

import os
import signal
import time

from runyard.record.states import Reason
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.events import EventLog
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Outcome

_WRITE_RETRIES_S = 60.0
_FULL_BYTES = 64 << 10
_FULL = (
    "The disk of the run is full ({}): what the script wrote last, in its log as well, may be "
    "missing. Make room (runyard gc shows what nothing needs), and submit the run again."
)


class End:
    """The end of a run: its reason, and the ``error`` shown to the user (None: all is well)."""

    def __init__(self, reason: Reason, error: dict[str, Any] | None = None, **detail: Any) -> None:
        self.reason = reason
        self.error = error
        self.detail = detail


def classify(run: RunDirectory, outcome: Outcome) -> End:
    """The reason of a run whose process has ended."""
    end = _classify(run, outcome)
    if outcome.exit_codes is not None:
        end.detail["exit_codes"] = outcome.exit_codes
    return end


def _classify(run: RunDirectory, outcome: Outcome) -> End:
    if outcome.cause is not None:
        return ended_by_runner(outcome)
    if outcome.reason is not None:
        return End(outcome.reason, outcome.error)
    if outcome.code == 0:
        return _ended_well(run)
    from runyard.runner import logtail  # not on the way to the script's first line

    tail = logtail.read(outcome.log or run.std_log)
    found = logtail.last_traceback(tail, run.work)
    error: dict[str, Any] = {"log_tail": logtail.last_lines(tail), **(found or {})}
    detail = _code_detail(outcome.code)
    reason = _reason(outcome, found)
    who = "the script"
    if outcome.rank is not None:
        who = f"rank {outcome.rank}"
        error["rank"] = detail["rank"] = outcome.rank
    error.setdefault("message", _message(reason, detail, who))
    if reason is not Reason.OUT_OF_MEMORY and _is_full(run.path):
        error["hint"] = _FULL.format(run.path)
    return End(reason, error, **detail)


def _is_full(folder: str) -> bool:
    """Whether nothing can be written there; its log cannot have said so, it is there as well."""
    try:
        free = os.statvfs(folder)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < _FULL_BYTES


def _ended_well(run: RunDirectory) -> End:
    """Exit code 0, unless the script said by ``run.fail()`` that it failed: then that counts."""
    if not _has_notes(run):
        return End(Reason.COMPLETED, exit_code=0)
    from runyard.record import notes

    told = [note["value"] for note in notes.merged(run.notes) if note.get("kind") == "error"]
    if told:
        return End(Reason.SCRIPT_EXCEPTION, dict(told[-1]), exit_code=0)
    return End(Reason.COMPLETED, exit_code=0)


def _has_notes(run: RunDirectory) -> bool:
    """Most runs have none, and what reads them takes a millisecond of their end to import."""
    try:
        return bool(os.listdir(run.notes))
    except OSError:
        return True


def _reason(outcome: Outcome, found: dict[str, Any] | None) -> Reason:
    killed = outcome.code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if killed and outcome.out_of_memory:
        return Reason.OUT_OF_MEMORY
    if outcome.code < 0:
        return Reason.SIGNAL
    # Python ends with 1 after an uncaught exception; other codes were chosen by the script.
    if found is not None and outcome.code == 1:
        memory = found["type"].rpartition(".")[2] in ("MemoryError", "OutOfMemoryError")
        return Reason.OUT_OF_MEMORY if memory else Reason.SCRIPT_EXCEPTION
    return Reason.SCRIPT_EXIT_CODE


def _code_detail(code: int) -> dict[str, Any]:
    if code < 0:
        return {"exit_code": 128 - code, "signal": _signal_name(-code)}
    return {"exit_code": code}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _message(reason: Reason, detail: dict[str, Any], who: str) -> str:
    if reason is Reason.OUT_OF_MEMORY:
        return f"the kernel killed {who} because memory ran out"
    if reason is Reason.SIGNAL:
        return f"{who} was ended by {detail['signal']}"
    return f"{who} ended with exit code {detail['exit_code']}"


def ended_by_runner(outcome: Outcome) -> End:
    """The end that somebody asked for, or that a limit brought about."""
    killed = {"killed_processes": outcome.killed} if outcome.killed else {}
    if outcome.cause == "cancel":
        return End(Reason.CANCELLED, None, **killed)
    if outcome.cause == "complete":
        return End(Reason.COMPLETED, None, **killed)
    if outcome.cause == "fail":
        error = dict(outcome.request.get("error") or {"message": "failed by Run.fail()"})
        return End(Reason.SCRIPT_EXCEPTION, error, **killed)
    if outcome.cause == "time_limit":
        own = f"the run was ended at its time limit after {outcome.seconds:.0f} s"
        message = outcome.request.get("message") or own
        return End(Reason.TIME_LIMIT, {"message": message}, **killed)
    message = "the runner was told to end by SIGTERM, as at a shutdown of the machine"
    return End(Reason.PREEMPTED, {"message": message}, **killed)


def interrupted(end: End, told: Any) -> End:
    """The end of a script that was told to end by who gave the run its nodes.

    ``told``: an Interruption; without a reason: of one that could not be queued again.
    """
    if told.reason is Reason.CANCELLED:
        return End(told.reason, None, message=told.message)
    reason = told.reason or Reason.PREEMPTED
    return End(reason, {**(end.error or {}), "message": told.message})


def runner_failed(error: BaseException) -> End:
    """A defect of ours, or a full disk, on the way to the script."""
    return End(Reason.LAUNCH_FAILED, error_detail(error))


def error_detail(error: BaseException) -> dict[str, Any]:
    """An exception of the runner as the ``error`` of an end."""
    import traceback

    text = traceback.format_exception(type(error), error, error.__traceback__)
    # Errors of ours keep apart what failed and what to do about it.
    message, hint = getattr(error, "message", str(error)), getattr(error, "hint", "")
    detail = {"type": type(error).__name__, "message": message, "traceback": "".join(text)}
    return {**detail, "hint": hint} if hint else detail


def write(log: EventLog, end: End) -> None:
    """Write the end; on a full disk try again for a minute, in short form in the end."""
    deadline = time.monotonic() + _WRITE_RETRIES_S
    error = end.error
    while True:
        try:
            hint = (error or {}).get("hint") or end.reason.hint
            detail = dict(end.detail, hint=hint) if hint else end.detail
            log.end(end.reason, **(detail if error is None else dict(detail, error=error)))
            return
        except OSError as failure:
            if log.has_end:  # a second one would be one too many
                said.say(f"a loss of power may lose the end of the run: {failure}")
                return
            said.say(f"cannot write the end of the run: {failure}")
            if time.monotonic() > deadline:
                raise
            error = None if error is None else _short(error)
            time.sleep(1.0)


def _short(error: dict[str, Any]) -> dict[str, Any]:
    """What matters most of an error."""
    kept: dict[str, Any] = {
        name: error[name] for name in ("type", "location", "hint") if name in error
    }
    return {**kept, "message": str(error.get("message"))[:200]}
