"""Waiting for the end of a run, and its log as it grows (spec 12.5)."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from runyard.errors import ActivityFailedException, ExperimentExecutionException
from runyard.history import failure, targets, unreadable
from runyard.job.status_methods import refuse_to_wait_for_itself
from runyard.record import regular
from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from runyard.history.run import Run

LOG_INTERVAL_S = 0.05
"""How often a log is looked at while it is printed."""

_QUEUE_INTERVAL_S = 0.1
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_RECONCILE_INTERVAL_S = 1.0
_CHUNK_BYTES = 1 << 20
_FIRST_LOG = re.compile(r"std_log\D*0*(?:_ps)?\.txt\Z")


class LogFollower:
    """Prints a growing file: what arrived, whether or not it ends a line.

    The file need not exist yet, and may be replaced by another one. At most 1 MiB of it is in
    memory at a time.
    """

    def __init__(self, path: str, out: TextIO) -> None:
        self.path = path
        self._out = out
        self._stream: BinaryIO | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def print_new(self, final: bool = False) -> bool:
        """Print what was appended since the last call; returns whether there was anything.

        ``final``: the file will not grow again, so half a character at its end is printed too.
        """
        found = False
        for chunk in iter(self._read, b""):
            found = True
            _print(self._out, self._decoder.decode(chunk))
        if final:
            _print(self._out, self._decoder.decode(b"", final=True))
        if found or final:
            self._out.flush()
        return found

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _read(self) -> bytes:
        if self._stream is None:
            try:
                self._stream = open(regular.fd_to_read(self.path), "rb", buffering=0)  # noqa: SIM115
            except OSError:
                return b""
        chunk = self._stream.read(_CHUNK_BYTES)
        if not chunk and self._is_of_an_earlier_attempt():
            self.close()
            return self._read()
        return chunk

    def _is_of_an_earlier_attempt(self) -> bool:
        """Whether another file has the name by now: of a run that its target has started again."""
        assert self._stream is not None
        try:
            return os.stat(self.path).st_ino != os.fstat(self._stream.fileno()).st_ino
        except OSError:
            return False


def _print(out: TextIO, text: str) -> None:
    try:
        out.write(text)
    except UnicodeEncodeError:  # a terminal that has less than Unicode
        encoding = out.encoding or "ascii"
        out.write(text.encode(encoding, "replace").decode(encoding))


class Waiter:
    """Waits for one run. ``clock`` (seconds, monotonic) and ``sleep`` may be replaced in tests."""

    def __init__(
        self,
        run: Run,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
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
        pause_s = _FIRST_PAUSE_S
        while not self._state().status.ended:
            self._sleep(pause_s)
            pause_s = min(pause_s * 1.3, _LONGEST_PAUSE_S)

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
            self._follow(self._directory.environment_log, _is_prepared)
            # Of several processes that of the first (spec 9.6); what std_log.txt then holds
            # is there before it.
            several = (self._run._run_json().get("spec") or {}).get("distribution")
            self._follow(self._directory.rank_log(0) if several else None, _has_ended)
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
        while self._state().status is Status.QUEUED:
            place = targets.place(self._directory)
            if place is not None and (place.position, place.why) != said:
                said = (place.position, place.why)
                self._say(f"Queued: {place}")
            self._sleep(_QUEUE_INTERVAL_S)

    def _follow(self, path: str | None, done: Callable[[State], bool]) -> None:
        """Print one log until ``done``; ``path`` None: the log of the script, once it is there."""
        follower: LogFollower | None = None
        try:
            while True:
                # Asked before reading: what was written before the end is read after it.
                last = done(self._state())
                if follower is None:
                    follower = self._started(path or _script_log(self._directory))
                if follower is not None:
                    follower.print_new(final=last)
                if last:
                    return
                self._sleep(LOG_INTERVAL_S)
        finally:
            if follower is not None:
                follower.close()

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
