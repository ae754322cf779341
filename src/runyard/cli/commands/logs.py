"""``runyard logs``."""

from __future__ import annotations

import os

import click

from runyard.cli import completing, facts, output
from runyard.cli.facts import Facts
from runyard.cli.failures import INTERRUPTED
from runyard.cli.following import Follower, copy
from runyard.cli.log_stream import LogStream
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command
from runyard.errors import UserErrorException
from runyard.record import files
from runyard.record.layout import RunDirectory

FOLDERS = ("user_logs/", "system_logs/", "logs/")
NAMES = ("std_log", "environment", "runner")
"""Short names that every run has."""


@click.command("logs", cls=Command)
@click.argument("run", type=RUN)
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option(
    "--log",
    "name",
    metavar="NAME",
    shell_complete=completing.logs,
    help="Another log: environment, runner, logs/….",
)
@click.option("-n", "lines", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
def command(run: str, follow: bool, name: str | None, lines: int | None) -> None:
    """Print the log of a run, or follow it.

    It is what the script printed; of a run whose script never started, the log of its
    environment. Ctrl-C ends only the printing.

    \b
    runyard logs last
    runyard logs -f -n 20 last
    runyard logs last --log environment
    """
    found = facts.named(run)
    path = _default(found, follow) if name is None else _locate(found.run, name)
    if follow and not found.status.ended:
        _follow(found, path, name is None, lines)
        return
    stream = LogStream(path, lines)
    try:
        if not copy(stream):
            output.notice(f"{os.path.relpath(path, found.run.path)} is empty")
    finally:
        stream.close()


def _default(found: Facts, follow: bool) -> str:
    going_to_start = follow and not found.status.ended
    if found.state.started is not None or going_to_start or os.path.exists(found.run.std_log):
        return found.run.std_log
    return found.run.environment_log


def _follow(found: Facts, path: str, build_first: bool, last_lines: int | None) -> None:
    follower = Follower(found.run)
    try:
        if build_first:
            follower.follow_build()
        follower.follow(path, last_lines=last_lines)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None


def _locate(run: RunDirectory, name: str) -> str:
    """The path of a log by its name, with or without folder and ``.txt``.

    Raises UserErrorException listing the logs of the run.
    """
    known = dict(zip(NAMES, (run.std_log, run.environment_log, run.runner_log), strict=True))
    if name in known:
        return known[name]
    logs = [log for log in files.names(run) if log.startswith(FOLDERS)]
    fitting = [log for log in logs if log == name]
    fitting = fitting or [log for log in logs if name in (_base(log), _stem(log))]
    if len(fitting) == 1:
        return files.path_of(run, fitting[0])
    listed = "".join(f"\n  {log}" for log in logs) or " none yet"
    problem = "fits several logs" if fitting else "is no log"
    raise UserErrorException(f"{name!r} {problem} of run {run.id}. Its logs:{listed}")


def _base(log: str) -> str:
    return log.rpartition("/")[2]


def _stem(log: str) -> str:
    return _base(log).rpartition(".")[0]
