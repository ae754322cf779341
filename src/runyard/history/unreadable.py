"""Ends of runs that cannot be read, or only in part."""

from __future__ import annotations

import os
import re

from runyard.errors import ExperimentExecutionException
from runyard.record import owner, regular
from runyard.record.events import EventLog, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

_LONGEST_BYTES = 1 << 16
_END = re.compile(rb'\{"t":[0-9.]+,"status":"[A-Za-z]+","reason":"([a-z_]+)"')
_CODE = re.compile(rb'"exit_code":(\d+)[,}]')


def refuse_to_wait(run: RunDirectory) -> None:
    """Raise ExperimentExecutionException for a run of which no end will ever be read.

    It has no runner, and its events are damaged: one of them may be its end, so nobody adds one.
    Or its lock is no file that can be opened: then nobody can end it.
    """
    problems: list[str] = []
    if read_state(run, problems).status.ended:
        return
    try:
        if problems and not owner.is_held(run.lock):
            raise ExperimentExecutionException(advice(run, problems[0]))
        os.close(regular.fd_to_read(run.lock))
    except (IsADirectoryError, PermissionError) as error:
        raise ExperimentExecutionException(advice(run, f"{run.lock}: {error.strerror}")) from error
    except OSError:  # not there yet, or a server of files that is away for a moment
        return


def advice(run: RunDirectory, problem: str) -> str:
    """What the matter is with a run whose events are damaged, and what can be done."""
    return (
        f"run {run.id} has no runner, and whether it ended cannot be read; it is shown as "
        f"NotResponding: {problem}. Put a copy of its files back, or remove its folder {run.path}"
    )


_LEFT = ("launch/script.jsonl", "user_logs", "metrics", "notes", "ranks", "work/outputs")


def without_events(run: RunDirectory) -> str:
    """What the matter is with a run that has begun and has no events at all; '' with others."""
    if read_state(run).events:
        return ""
    left = [name for name in _LEFT if _holds_something(run.join(*name.split("/")))]
    if not left:
        return ""
    return (
        f"{run.events} is {'empty' if os.path.exists(run.events) else 'gone'}, though the run has "
        f"left {', '.join(left)}: when it began, and whether it ended before, is not known. Put a "
        "copy of the file back if there is one."
    )


def _holds_something(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entry.is_dir() or entry.stat().st_size for entry in entries)
    except NotADirectoryError:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def finish_end(run: RunDirectory) -> bool:
    """Write again, as far as it is legible, an end that was cut off while it was written.

    To be called with the run's lock held; False when the last line is whole, or no end. A loss of
    power can leave such a line, and its run has ended as it says.
    """
    line = _last_unfinished(run.events)
    found = _END.match(line)
    if found is None or found.group(1).decode() not in {reason.value for reason in Reason}:
        return False
    code = _CODE.search(line)
    log = EventLog(run)
    try:
        log.end(
            Reason(found.group(1).decode()),
            message="The line that said how the run ended was cut off; this much of it was left.",
            **({"exit_code": int(code.group(1))} if code else {}),
        )
    finally:
        log.close()
    return True


def _last_unfinished(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - _LONGEST_BYTES))
            return stream.read().rpartition(b"\n")[2]
    except OSError:
        return b""
