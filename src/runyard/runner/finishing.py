"""From the end of the script to the end of its run: what it left is stored, and tidied."""

from __future__ import annotations

import signal

from runyard.record.states import Reason, Status
from runyard.runner import ending, said, workfolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.data.places import Place
    from runyard.record.event_log import EventLog
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
    from runyard.runner.supervision import Outcome, Supervisor

_BY_RUNNER = (Reason.CANCELLED, Reason.TIME_LIMIT)
"""Ends that are no sign of the target having told the script to end.

Any other is: of two processes that it tells, the script may be told first, and save and end well
before this runner hears of it.
"""
_KILLED = 128 + signal.SIGKILL


def finish(
    run: RunDirectory,
    record: dict[str, Any],
    outcome: Outcome,
    supervisor: Supervisor,
    log: EventLog,
    *,
    ownership: Ownership,
    data: list[Place],
    finalizing: bool = False,
    since_ns: int | None = None,
) -> End | None:
    """The end of a run whose script has ended; None: it waits in the queue of its target again.

    Killed at any moment, it can be done once more by another runner; ``finalizing``: it is.
    ``since_ns``: when the script had ended, where that was before this runner came.
    """
    end = told(supervisor, log, ending.classify(run, outcome))
    if end is None:
        tidy_data(run, data)
        return None
    if not finalizing:
        said.status(log, Status.FINALIZING)
    if data:
        from runyard.runner import data as data_of_run

        patience_s = data_of_run.patience_s(record["spec"], end, outcome.seconds)
        end = data_of_run.collect(
            run, data, end, supervisor, ownership, patience_s=patience_s, since_ns=since_ns
        )
        tidy_data(run, data)
    _tidy(run, record)
    said.ended(end.reason, outcome)
    return end


def told(supervisor: Supervisor, log: EventLog, end: End) -> End | None:
    """The end of a run that its target may have told to end; None: it waits there again."""
    if not supervisor.terminated and end.reason in _BY_RUNNER:
        return end
    why = supervisor.told_to_end()
    if why is None or (not supervisor.terminated and _ended_itself(end, why)):
        return end
    if why.reason is None and (not why.in_grace or supervisor.give_back()):
        said.status(log, Status.QUEUED, message=why.message)
        return None
    return ending.interrupted(end, why)


def _ended_itself(end: End, why: Any) -> bool:
    """Whether the target had not ended the script, although the job is to end, or has."""
    if why.forgotten:  # the target does not even know that it had begun, so it can only kill it
        return not _was_killed(end)
    if why.in_grace:
        return "exit_codes" not in end.detail  # only ranks were told
    if why.reason is Reason.NODE_LOST:  # which nobody tells a script, so this one has done its work
        return end.reason is Reason.COMPLETED
    return why.reason is Reason.RUNNER_LOST  # the job has failed, which ends nothing by itself


def _was_killed(end: End) -> bool:
    """Whether a process of the script was killed, or may have been: its code is not known."""
    codes = end.detail.get("exit_codes") or [end.detail.get("exit_code")]
    return any(code in (None, _KILLED) for code in codes)


def tidy_data(run: RunDirectory, found: list[Place]) -> None:
    """Remove the copies of data that nobody has changed."""
    if found:
        from runyard.runner import data

        data.tidy(run, found)


def _tidy(run: RunDirectory, record: dict[str, Any]) -> None:
    """Clean the working directory; how the script ended stands, whatever happens here."""
    try:
        workfolder.clean(run, record)
    except Exception as error:
        said.say(f"work/ was not tidied: {ending.error_detail(error)['traceback']}")
