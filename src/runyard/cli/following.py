"""Watching a run to its end: its log as it grows, then how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from runyard.cli import facts, output
from runyard.cli.failures import INTERRUPTED
from runyard.cli.rank_logs import RankLogs, process_count
from runyard.history import run_pause, targets, unreadable
from runyard.history.log_stream import LogStream
from runyard.history.reconcile import reconcile_run
from runyard.record.events import read_state
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.cli.facts import Facts
    from runyard.record.layout import RunDirectory

_RECONCILE_EVERY_S = 2.0


class Follower:
    """Copies logs of a run to stdout (or stderr) until the run has ended.

    ``clock`` and ``sleep`` may be replaced in tests. By default what is written to a log, and the
    end of the runner, on this machine, end a sleep.
    """

    def __init__(
        self,
        run: RunDirectory,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.run = run
        self._clock = clock
        self._sleep = sleep
        self._looked_s = clock()

    def follow(self, path: str, err: bool = False, last_lines: int | None = None) -> None:
        """Copy one log file until the run has ended; it need not exist yet."""
        folder = os.path.dirname(path)
        self._copy_until(_Log(path, last_lines), self._has_ended, err, folder)

    def follow_ranks(self, count: int, err: bool = False, last_lines: int | None = None) -> None:
        """Copy the logs of so many processes, line by line, until the run has ended."""
        folder = os.path.dirname(self.run.std_log)
        self._copy_until(RankLogs(self.run, count, last_lines), self._has_ended, err, folder)

    def follow_build(self) -> None:
        """Copy the log of the environment's build to stderr, if one is being built.

        While the run waits in the queue of its target, its place there is said.
        """
        log = self.run.environment_log
        with self._pausing(self.run.path) as pause:
            pause_s = run_pause.SHORTEST_S
            said: tuple[int, str] | None = None
            while (status := read_state(self.run).status) in (Status.NOT_STARTED, Status.QUEUED):
                if status is Status.QUEUED:
                    said = self._tell_place(said)
                pause(pause_s)
                pause_s = min(pause_s * 1.5, run_pause.LONGEST_S)
                self._look_for_runner()
        if status in (Status.PREPARING, Status.CANCEL_REQUESTED):
            self._copy_until(_Log(log), self._is_built, True, os.path.dirname(log), self.run.path)

    def _tell_place(self, said: tuple[int, str] | None) -> tuple[int, str] | None:
        """Say the place in the queue, and why, when that is not what was said last."""
        place = targets.place(self.run)
        if place is None or (place.position, place.why) == said:
            return said
        output.notice(f"queued: {place}")
        return place.position, place.why

    def _copy_until(
        self, source: _Log | RankLogs, done: Callable[[], bool], err: bool, *folders: str
    ) -> None:
        def copy(last: bool) -> bool:
            return source.copy(err, final=last)

        try:
            with self._pausing(*folders) as pause:
                run_pause.copy_until(done, copy, pause)
        finally:
            source.close()

    def _pausing(self, *folders: str) -> AbstractContextManager[Callable[[float], None]]:
        return run_pause.pausing(self.run, self._sleep, *folders)

    def _has_ended(self) -> bool:
        self._look_for_runner()
        return read_state(self.run).status.ended

    def _is_built(self) -> bool:
        self._look_for_runner()
        state = read_state(self.run)
        return state.started is not None or state.status.ended

    def _look_for_runner(self) -> None:
        """A runner that was killed writes no end: now and then see whether it lives."""
        if self._clock() - self._looked_s >= _RECONCILE_EVERY_S:
            self._looked_s = self._clock()
            if not reconcile_run(self.run):
                unreadable.refuse_to_wait(self.run)


class _Log:
    """One log file, byte for byte."""

    def __init__(self, path: str, last_lines: int | None = None) -> None:
        self._stream = LogStream(path, last_lines)

    def copy(self, err: bool = False, *, final: bool = False) -> bool:
        """Print what is new; ``final``: on a terminal the next line begins a line of its own."""
        found = copy(self._stream, err)
        if final and self._stream.in_line and output.is_terminal(err):
            target = output.stream_bytes(err)
            target.write(b"\n")
            target.flush()
        return found

    def close(self) -> None:
        self._stream.close()


def copy(stream: LogStream, err: bool = False) -> bool:
    """Copy what is new in a log; returns whether there was anything."""
    target = output.stream_bytes(err)
    terminal = output.is_terminal(err)
    found = False
    for chunk in stream.chunks():
        found = True
        target.write(output.for_terminal(chunk) if terminal else chunk)
    if found:
        target.flush()
    return found


def watch(run: RunDirectory, err: bool = False) -> Facts:
    """Show a run from its start to its end; returns what is known of it then.

    The build of its environment goes to stderr, its log to stdout (``err``: to stderr), those of
    several processes line by line with their ranks. Ctrl-C
    does not touch the run: how to see or end it is said, and click's Exit raised.
    """
    follower = Follower(run)
    try:
        follower.follow_build()
        count = process_count(facts.read(run).spec)
        if count:
            follower.follow_ranks(count, err)
        else:
            follower.follow(run.std_log, err)
    except KeyboardInterrupt:
        output.notice(f"\nThe run goes on. To follow it again: runyard logs -f {run.id}")
        output.notice(f"To end it: runyard cancel {run.id}")
        raise click.exceptions.Exit(INTERRUPTED) from None
    return facts.read(run)
