"""``runyard logs``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from runyard.cli import completing, facts, output
from runyard.cli.facts import Facts
from runyard.cli.failures import INTERRUPTED
from runyard.cli.following import Follower, copy
from runyard.cli.rank_logs import RankLogs, process_count
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command
from runyard.errors import UserErrorException
from runyard.history.log_stream import LogStream
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
@click.option(
    "--rank",
    type=click.IntRange(min=0),
    metavar="N",
    shell_complete=completing.ranks,
    help="Of several processes, that one's log alone.",
)
@click.option("-n", "lines", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
def command(run: str, follow: bool, name: str | None, rank: int | None, lines: int | None) -> None:
    """Print the log of a run, or follow it.

    It is what the script printed; of a run whose script never started, the log of its
    environment. Of several processes all logs are printed line by line, each line with the rank
    of its process (-n counts the lines of each). Ctrl-C ends only the printing.

    \b
    runyard logs last
    runyard logs -f -n 20 last
    runyard logs last --rank 3
    runyard logs last --log environment
    """
    if name is not None and rank is not None:
        raise click.UsageError("--log and --rank both name a log; leave out one of them")
    found = facts.named(run)
    if name is not None:
        _print(found, _locate(found.run, name), follow, lines, build_first=False)
    elif rank is not None:
        _print(found, _of_rank(found, rank), follow, lines)
    elif process_count(found.spec) and _begins(found, follow):
        _print_ranks(found, process_count(found.spec), follow, lines)
    else:
        _print(found, _default(found, follow), follow, lines)


def _print(
    found: Facts, path: str, follow: bool, lines: int | None, *, build_first: bool = True
) -> None:
    if follow and not found.status.ended:
        with _interruptible():
            _followed(found, build_first).follow(path, last_lines=lines)
        return
    stream = LogStream(path, lines)
    try:
        if not copy(stream):
            name = os.path.relpath(path, found.run.path)
            there = os.path.exists(path)
            output.notice(f"{name} is empty" if there else f"run {found.run.id} has no {name}")
    finally:
        stream.close()


def _print_ranks(found: Facts, count: int, follow: bool, lines: int | None) -> None:
    if follow and not found.status.ended:
        with _interruptible():
            _followed(found, build_first=True).follow_ranks(count, last_lines=lines)
        return
    logs = RankLogs(found.run, count, lines)
    try:
        if not logs.copy(final=True):
            output.notice(f"the logs of the {count} processes are empty")
    finally:
        logs.close()


def _default(found: Facts, follow: bool) -> str:
    if _begins(found, follow):
        return found.run.std_log
    for path in (found.run.environment_log, found.run.slurm_log):
        if os.path.exists(path) and os.path.getsize(path):
            return path
    return found.run.environment_log


def _begins(found: Facts, follow: bool) -> bool:
    """Whether there is a log of the script, or will be one."""
    going_to_start = follow and not found.status.ended
    return found.state.started is not None or going_to_start or os.path.exists(found.run.std_log)


def _of_rank(found: Facts, rank: int) -> str:
    """The log of one process. Raises UserErrorException for one that the run has not got."""
    count = process_count(found.spec)
    if rank < count:
        return found.run.rank_log(rank)
    if count == 0 and rank == 0:
        return found.run.std_log
    has = f"has the ranks 0 to {count - 1}" if count else "is one process, of rank 0"
    raise UserErrorException(f"--rank {rank}: run {found.run.id} {has}")


def _followed(found: Facts, build_first: bool) -> Follower:
    follower = Follower(found.run)
    if build_first:
        follower.follow_build()
    return follower


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
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
