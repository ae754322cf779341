"""Which log of a run is meant, and printing it."""

from __future__ import annotations

import os

import click

from runyard.cli import output
from runyard.cli.facts import Facts
from runyard.cli.failures import INTERRUPTED
from runyard.cli.following import Follower, copy
from runyard.cli.log_stream import LogStream
from runyard.errors import UserErrorException
from runyard.record import files
from runyard.record.layout import RunDirectory

_FOLDERS = ("user_logs/", "system_logs/", "logs/")


def show(found: Facts, name: str | None, *, follow: bool, last_lines: int | None) -> None:
    """Print one log to stdout; ``name`` None: the script's, or why it never started."""
    path = _default(found, follow) if name is None else locate(found.run, name)
    if follow and not found.status.ended:
        _follow(found, path, name is None, last_lines)
        return
    stream = LogStream(path, last_lines)
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


def locate(run: RunDirectory, name: str) -> str:
    """The path of a log by its name, with or without folder and ``.txt``.

    Raises UserErrorException listing the logs of the run.
    """
    known = {"std_log": run.std_log, "environment": run.environment_log, "runner": run.runner_log}
    if name in known:
        return known[name]
    logs = [log for log in files.names(run) if log.startswith(_FOLDERS)]
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
