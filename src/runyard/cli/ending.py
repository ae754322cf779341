"""How a run ended, in words: reason, error with its place, what to do next."""

from __future__ import annotations

import time

import click

from runyard.cli import formats, output
from runyard.cli.facts import Facts
from runyard.record.states import Reason, Status

STATUS_COLOURS = {
    "Completed": "green",
    "Failed": "red",
    "Damaged": "red",
    "Canceled": "yellow",
    "CancelRequested": "yellow",
    "NotResponding": "yellow",
    "Running": "cyan",
    "Preparing": "cyan",
}


def coloured(status: str) -> str:
    """A status in its colour; plain where the output is no terminal."""
    return click.style(status, fg=STATUS_COLOURS.get(status))


def tell_end(found: Facts, log_shown: bool = False) -> None:
    """Say on stderr how a run ended, and what can be done now.

    ``log_shown``: the log of a build that failed, which ends with its error, stands right above.
    """
    spent = found.seconds(time.time())
    after = "" if spent is None else f" after {formats.duration(spent)}"
    reason = f" ({reason_text(found)})" if found.status is Status.FAILED else ""
    output.notice(f"run {found.run.id}: {coloured(found.status.value)}{reason}{after}")
    told = [] if log_shown and _is_environment(found) else error_lines(found)
    for line in [*told, *next_commands(found)]:
        output.notice(f"  {line}")


def _is_environment(found: Facts) -> bool:
    return found.state.reason is Reason.ENVIRONMENT_FAILED and bool(log_lines(found))


def log_lines(found: Facts) -> list[str]:
    """The last lines of the log the cause is in."""
    from runyard.history import failure

    run = found.run
    of_script = failure.script_log(run, found.state.detail.get("rank"))
    lines = failure.last_lines(of_script if found.state.started else run.environment_log)
    return [output.one_line(line) for line in lines]


def reason_text(found: Facts) -> str:
    """The reason of the end with its number: ``script_exit_code 3``, ``signal SIGKILL, rank 2``."""
    reason, detail = found.state.reason, found.state.detail
    if reason is None:
        return ""
    number = {Reason.SCRIPT_EXIT_CODE: "exit_code", Reason.SIGNAL: "signal"}.get(reason)
    text = f"{reason.value} {detail.get(number)}" if number else reason.value
    return text if detail.get("rank") is None else f"{text}, rank {detail['rank']}"


def error_lines(found: Facts) -> list[str]:
    """Why a run failed: message, place in the script, what to do; empty when it did not."""
    if found.error is None:
        return []
    from runyard.history import failure

    # The first line says that it failed, the last one where its files are.
    lines = failure.summary(found.run, {"error": found.error}).splitlines()[1:-1]
    return [output.one_line(line) for line in lines]


def next_commands(found: Facts) -> list[str]:
    """What to type next."""
    run_id = found.run.id
    if not found.status.ended:
        return [f"runyard logs -f {run_id}", f"runyard show {run_id}", f"runyard cancel {run_id}"]
    if found.status is Status.COMPLETED:
        return [f"runyard show {run_id}", f"runyard metrics {run_id}", f"runyard files {run_id}"]
    reason = found.state.reason
    again = reason is Reason.CANCELLED or (reason is not None and reason.retry)
    rank = found.state.detail.get("rank")
    of_rank = "" if rank is None else f" --rank {rank}"
    commands = [f"runyard show {run_id}", f"runyard logs {run_id}{of_rank}"]
    return [*commands, f"runyard rerun {run_id}"] if again else commands
