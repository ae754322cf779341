"""The error of a failed run as text: what, where, what to do, and the end of its log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runyard.record import regular
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

_TAIL_BYTES = 64 * 1024
_TAIL_LINES = 30
_LINE_CHARS = 500


def message(run: RunDirectory, error: Mapping[str, Any]) -> str:
    """All that helps: `summary`, then the last 30 lines of the log the cause is in.

    ``error`` is ``get_details()['error']``.
    """
    name, lines = _tail(run, error["error"])
    text = summary(run, error)
    return "\n".join([text, f"the last lines of {name}:", *lines]) if lines else text


def summary(run: RunDirectory, error: Mapping[str, Any]) -> str:
    """Reason, error type and message, place in the script, and hint."""
    return "\n".join(_summary(run, error["error"]))


def _summary(run: RunDirectory, error: Mapping[str, Any]) -> Iterator[str]:
    yield f"run {run.id} failed: {_reason(error)}"
    text = str(error.get("message") or "").strip()
    if text:
        yield text
    location = error.get("location")
    if isinstance(location, Mapping):
        yield f"at {_place(run, location)}"
    if error.get("hint"):
        yield f"hint: {error['hint']}"
    yield f"everything about it: {run.path}"


def _reason(error: Mapping[str, Any]) -> str:
    details = [
        f"{text} {error[key]}"
        for key, text in (
            ("exit_code", "exit code"),
            ("signal", "signal"),
            ("rank", "rank"),
            ("node", "node"),
        )
        if error.get(key) is not None
    ]
    reason = str(error.get("reason"))
    return f"{reason} ({', '.join(details)})" if details else reason


def _place(run: RunDirectory, location: Mapping[str, Any]) -> str:
    path = str(location.get("file"))
    # By the last folders: the workspace may have been moved or copied since.
    _, _, inside = path.partition(f"/{run.experiment}/{run.id}/{os.path.basename(run.work)}/")
    function = location.get("function")
    return f"{inside or path}:{location.get('line')}" + (f", in {function}" if function else "")


def _tail(run: RunDirectory, error: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    reason = error.get("reason")
    if reason == Reason.ENVIRONMENT_FAILED.value:
        return "system_logs/environment.txt", last_lines(run.environment_log)
    if reason == Reason.LAUNCH_FAILED.value:
        return "system_logs/runner.txt", last_lines(run.runner_log)
    path = script_log(run, error.get("rank"))
    kept = error.get("log_tail")
    lines = [str(line) for line in kept] if isinstance(kept, list) else last_lines(path)
    return os.path.relpath(path, run.path), lines


def script_log(run: RunDirectory, rank: object = None) -> str:
    """What the script printed: the log of a rank, None: that of rank 0, or of the only process."""
    own = run.rank_log(rank if isinstance(rank, int) else 0)
    return own if rank is not None or os.path.exists(own) else run.std_log


def last_lines(path: str) -> list[str]:
    """The last 30 lines of a text file, each cut to 500 characters; none when it is missing."""
    try:
        with regular.open_to_read(path) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line[:_LINE_CHARS] for line in text.splitlines()[-_TAIL_LINES:]]
