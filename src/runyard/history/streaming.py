"""Waiting for the end of a run, and its log as it grows (spec 12.5)."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TextIO

from runyard.errors import ActivityFailedException, ExperimentExecutionException
from runyard.history import failure, run_pause, targets, unreadable
from runyard.history.log_stream import LogStream
from runyard.job.status_methods import refuse_to_wait_for_itself
from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from runyard.history.run import Run

_QUEUE_INTERVAL_S = 0.1
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_SHARE = 0.05
"""Pauses are so much of the time for which the status has been what it is."""
_RECONCILE_INTERVAL_S = 1.0
_FIRST_LOG = re.compile(r"std_log\D*0*(?:_ps)?\.txt\Z")


class LogFollower:
    """Prints a growing file: what arrived, whether or not it ends a line.

    The file need not exist yet, and may be replaced by another one. Little of it is in memory.
    """

    def __init__(self, path: str, out: TextIO) -> None:
        self._stream = LogStream(path)
        self._out = out
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def print_new(self, final: bool = False) -> bool:
        """Print what was appended since the last call; returns whether there was anything.

        ``final``: the file will not grow again, so half a character at its end is printed too.
        """
        found = False
        for chunk in self._chunks():
            found = True
            _print(self._out, self._decoder.decode(chunk))
        if final:
            _print(self._out, self._decoder.decode(b"", final=True))
        if found or final:
            self._out.flush()
        return found

    def _chunks(self) -> Iterable[bytes]:
        try:
            return self._stream.chunks() if self._stream.opened() else ()
        except OSError:
            return ()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _print(out: TextIO, text: str) -> None:
    try:
        out.write(text)
    except UnicodeEncodeError:  # a terminal that has less than Unicode
        encoding = out.encoding or "ascii"
        out.write(text.encode(encoding, "replace").decode(encoding))


class Waiter:
    """Waits for one run. ``clock`` (seconds, monotonic) and ``sleep`` may be replaced in tests.

    By default the end of its runner, on this machine, ends a sleep, and so does what is written to
    a log that is printed.
    """

    def __init__(
        self,
        run: Run,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
        out: TextIO | None = None,
    ) -> None:
        self._run = run
        self._directory: RunDirectory = run.directory
        self._clock = clock
        self._sleep = sleep
        self._out = out
        self._reconcile_at = clock()

    def wait(self, show_output: bool, raise_on_error: bool) -> dict[str, Any]:
        """Wait for the end; returns the details.

        Raises ActivityFailedException for a failed run if ``raise_on_error``, and
        ExperimentExecutionException after Ctrl-C while output is shown, or when the run is one
        that only this process can end.
        """
        refuse_to_wait_for_itself(self._directory)
        if show_output:
            self._show()
        else:
            self._pause_until_end()
        details: dict[str, Any] = self._run.get_details()
        if raise_on_error and details["status"] == Status.FAILED.value:
            error = details["error"]
            # What was just printed is not repeated.
            seen = show_output and _was_followed(error["error"])
            text = (failure.summary if seen else failure.message)(self._directory, error)
            raise ActivityFailedException(error, message=text)
        return details

    def _pause_until_end(self) -> None:
        status, since_s = None, 0.0
        with self._pausing() as pause:
            while not (state := self._state()).status.ended:
                if state.status is not status:
                    status, since_s = state.status, self._clock()
                share_s = (self._clock() - since_s) * _SHARE
                pause(min(max(share_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S))

    def _state(self) -> State:
        """The state; now and then with a look whether the runner is there at all."""
        if self._clock() >= self._reconcile_at:
            self._reconcile_at = self._clock() + _RECONCILE_INTERVAL_S
            state = self._run._state()
            if state.status is Status.NOT_RESPONDING:
                unreadable.refuse_to_wait(self._directory)
            return state
        return read_state(self._directory)

    def _show(self) -> None:
        self._say(f"RunId: {self._run.id}", f"Web View: {self._run.get_portal_url()}")
        try:
            self._wait_in_line()
            there = self._directory
            log = there.environment_log
            self._follow(log, _is_prepared, os.path.dirname(log), there.path)
            # Of several processes that of the first (spec 9.6); what std_log.txt then holds
            # is there before it.
            several = (self._run._run_json().get("spec") or {}).get("distribution")
            log = there.rank_log(0)
            self._follow(log if several else None, _has_ended, os.path.dirname(log))
        except KeyboardInterrupt as error:
            raise ExperimentExecutionException(
                f"The output of run {self._run.id} is no longer shown; the run continues. See it "
                f"again: run.wait_for_completion(show_output=True); end it: run.cancel(), or "
                f"`runyard cancel {self._run.id}`"
            ) from error
        self._say("", "Execution Summary", "=================", f"RunId: {self._run.id}")
        self._say(f"Web View: {self._run.get_portal_url()}")
        self._summarise()

    def _wait_in_line(self) -> None:
        """Say where the run stands in the queue of its target, as often as that changes."""
        said: tuple[int, str] | None = None
        with self._pausing(self._directory.path) as pause:
            while self._state().status is Status.QUEUED:
                place = targets.place(self._directory)
                if place is not None and (place.position, place.why) != said:
                    said = (place.position, place.why)
                    self._say(f"Queued: {place}")
                pause(_QUEUE_INTERVAL_S)

    def _follow(self, path: str | None, done: Callable[[State], bool], *folders: str) -> None:
        """Print one log until ``done``; ``path`` None: the log of the script, once it is there."""
        follower: LogFollower | None = None

        def print_new(last: bool) -> bool:
            nonlocal follower
            if follower is None:
                follower = self._started(path or _script_log(self._directory))
            return follower is not None and follower.print_new(final=last)

        try:
            with self._pausing(*folders) as pause:
                run_pause.copy_until(lambda: done(self._state()), print_new, pause)
        finally:
            if follower is not None:
                follower.close()

    def _pausing(self, *folders: str) -> AbstractContextManager[Callable[[float], None]]:
        return run_pause.pausing(self._directory, self._sleep, *folders)

    def _started(self, path: str | None) -> LogFollower | None:
        """A follower for a log that has something in it, its head line printed."""
        if path is None or not _has_content(path):
            return None
        head = f"Streaming {os.path.relpath(path, self._directory.path)}"
        self._say("", head, "=" * len(head), "")
        return LogFollower(path, self._stdout)

    def _summarise(self) -> None:
        details = self._run.get_details()
        for warning in details.get("warnings") or ():
            self._say(f"Warning: {warning['message']}")
        if details["status"] == Status.FAILED.value:
            self._say("", failure.summary(self._directory, details["error"]))
        self._say("")

    @property
    def _stdout(self) -> TextIO:
        return sys.stdout if self._out is None else self._out

    def _say(self, *lines: str) -> None:
        for line in lines:
            _print(self._stdout, line + "\n")
        self._stdout.flush()


def _was_followed(error: Mapping[str, Any]) -> bool:
    """Whether the log the cause is in is one of those that are printed as they grow."""
    return error.get("reason") != Reason.LAUNCH_FAILED.value and not error.get("rank")


def _is_prepared(state: State) -> bool:
    return state.started is not None or state.status.ended


def _has_ended(state: State) -> bool:
    return state.status.ended


def _has_content(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _script_log(run: RunDirectory) -> str | None:
    """The log of the script; of several processes, that of the first (spec 9.6)."""
    if os.path.exists(run.std_log):
        return run.std_log
    folder = run.join("user_logs")
    try:
        names = sorted(name for name in os.listdir(folder) if _FIRST_LOG.match(name))
    except OSError:
        return None
    return os.path.join(folder, names[0]) if names else None
