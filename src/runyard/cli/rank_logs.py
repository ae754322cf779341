"""The logs of a run's processes as one: line by line, each with the rank it is of."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Mapping
from typing import Any

import click

from runyard.cli import output
from runyard.history.log_stream import LogStream
from runyard.record.layout import RunDirectory

_COLOURS = (
    *("cyan", "yellow", "green", "magenta", "blue", "red"),
    *("bright_cyan", "bright_yellow", "bright_green", "bright_magenta", "bright_blue"),
)
_LONGEST_LINE = 64 * 1024


def process_count(spec: Mapping[str, Any]) -> int:
    """How many processes a run has that each have a log; 0 for the one of an ordinary run."""
    distribution = spec.get("distribution")
    return int(distribution["process_count"]) if distribution else 0


class RankLogs:
    """What is new in the logs of all ranks, whole lines only, one of each rank in turn.

    What the run itself has to say of its data stands in front of them, without a rank. A line
    without an end is shown when it has one, when it is very long, or at the end of the run.
    """

    def __init__(self, run: RunDirectory, count: int, last_lines: int | None = None) -> None:
        """``count``: how many processes; ``last_lines``: of each log, None: all."""
        _allow_files(count)
        width = len(str(count - 1))
        self._logs = [_Lines(run.std_log, "", -1, last_lines)]
        self._logs += [
            _Lines(run.rank_log(rank), f"[rank {rank:>{width}}] ", rank, last_lines)
            for rank in range(count)
        ]

    def copy(self, err: bool = False, *, final: bool = False) -> bool:
        """Print what is new to stdout, or stderr; returns whether there was anything.

        ``final``: the logs do not grow any more.
        """
        target, terminal = output.stream_bytes(err), output.is_terminal(err)
        coloured = terminal and not os.environ.get("NO_COLOR")
        found = False
        waiting = self._logs
        while waiting:
            waiting = [log for log in waiting if log.fill(final)]
            for log in waiting:
                target.write(log.take(terminal, coloured))
                found = True
        if found:
            target.flush()
        return found

    def close(self) -> None:
        """Close the files."""
        for log in self._logs:
            log.close()


_OTHER_FILES = 64


def _allow_files(count: int) -> None:
    """Each log stays open, and few systems allow more than 1,024 files unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is on the numbers of files: whoever calls may have opened many already.
    wanted = max(map(int, os.listdir("/proc/self/fd"))) + count + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Lines:
    """One log, a line at a time; little of it is in memory."""

    def __init__(self, path: str, prefix: str, rank: int, last_lines: int | None) -> None:
        self._stream = LogStream(path, last_lines)
        self._prefix = prefix.encode()
        self._styled = click.style(prefix, fg=_COLOURS[rank % len(_COLOURS)]).encode()
        self._chunks: Iterator[bytes] | None = None
        self._lines: list[bytes] = []
        self._rest = b""

    def fill(self, final: bool) -> bool:
        """Whether there is a line to take; reads on where there was none."""
        while not self._lines:
            if self._chunks is None:
                self._chunks = self._stream.chunks()
            chunk = next(self._chunks, None)
            if chunk is None:
                self._chunks = None
                break
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._lines = lines[::-1]
            if len(self._rest) > _LONGEST_LINE:
                self._take_rest()
        if not self._lines and final and self._rest:
            self._take_rest()
        return bool(self._lines)

    def _take_rest(self) -> None:
        self._lines.insert(0, self._rest)
        self._rest = b""

    def take(self, terminal: bool, coloured: bool) -> bytes:
        """The next line with its rank in front, and its end."""
        line = self._lines.pop()
        if terminal:
            # A progress bar writes over itself, and would write over the rank as well.
            line = output.for_terminal(line.rstrip(b"\r").rpartition(b"\r")[2])
        return (self._styled if coloured and self._prefix else self._prefix) + line + b"\n"

    def close(self) -> None:
        self._stream.close()
