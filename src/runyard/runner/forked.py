"""A copy of this process that does one thing."""

from __future__ import annotations

import os
import sys

from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal as signal  # what signal is made of, without enum

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Forked:
    """The child; as much of ``subprocess.Popen`` as a supervisor needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, options)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def forked(action: Callable[[], None]) -> Forked:
    """Run ``action`` in a fork, in a session of its own; it ends with code 0, or 1 if it raises.

    A new interpreter would take 25 ms to start and to import what this one has.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass  # contextlib takes half a millisecond of the start of every run
    # Else one that comes early would meet our own handlers in the child, which only take note.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
        if not pid:
            _be_the_child(action)
        return Forked(pid)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _be_the_child(action: Callable[[], None]) -> NoReturn:
    """Never returns, whatever is raised: two runners would write the end of one run."""
    code = 1
    try:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.setsid()
        action()
        sys.stdout.flush()
        code = 0
    except BaseException:
        import traceback

        said.say(traceback.format_exc())
    finally:
        os._exit(code)
