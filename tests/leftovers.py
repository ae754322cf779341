"""What a test has left running is ended after it, and named: the next ones have nothing of it.

Such processes are known by a variable of this worker's, which all that a test starts inherits. What
is to outlive a test (servers, engines and clusters of a session) is started without it.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_MARK = "TESTS_OF_RUNYARD"
_TRACKER = "from multiprocessing.resource_tracker import main"
"""Python's own, of the first test that starts processes by multiprocessing until a worker's end."""


class Leftovers:
    """The processes that have the mark, in ``/proc``.

    ``grace_s``: a runner ends a little after its run; so long, on a busy machine, at most.
    """

    def __init__(self, grace_s: float = 20.0) -> None:
        self.grace_s = grace_s
        self._value = uuid.uuid4().hex
        self._entry = f"{_MARK}={self._value}".encode()
        self._others: set[str] = set()

    def mark(self) -> None:
        """Give it to what this process starts from now on."""
        os.environ[_MARK] = self._value

    def now(self) -> dict[int, str]:
        """Command lines of those that are there, by pid.

        Only what came since the last call is looked into: it is called after every test.
        """
        pids = {name for name in os.listdir("/proc") if name.isdigit()}
        self._others &= pids
        found = {}
        for pid in pids - self._others:
            environ = _read(pid, "environ")
            line = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
            if self._entry in environ.split(b"\0") and _TRACKER not in line:
                found[int(pid)] = line
            elif environ:  # one that is being started has none for a moment
                self._others.add(pid)
        return found

    def end(self) -> dict[int, str]:
        """End those that do not end by themselves; returns them."""
        left = self._after(self.grace_s)
        for _ in range(10 if left else 0):  # what they start meanwhile, too
            for pid in (going := self.now()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not going or not self._after(1.0):
                break
        return left

    def _after(self, seconds: float) -> dict[int, str]:
        """What is there when there is nothing left, or so long has passed."""
        give_up = time.monotonic() + seconds
        while (found := self.now()) and time.monotonic() < give_up:
            time.sleep(0.02)
        return found


def _read(pid: str, name: str) -> bytes:
    try:
        return Path("/proc", pid, name).read_bytes()
    except OSError:  # it is gone, or of somebody else
        return b""


of_this_worker = Leftovers()


@contextmanager
def unmarked() -> Iterator[None]:
    """What is started in the block may outlive its test: its fixture ends it."""
    marked = os.environ.pop(_MARK, None)
    try:
        yield
    finally:
        if marked is not None:
            os.environ[_MARK] = marked


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    with unmarked():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    of_this_worker.mark()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """After the fixtures, which end what they know of."""
    try:
        yield
    finally:
        if left := of_this_worker.end():
            pytest.fail(f"left running, and ended now: {list(left.values())}", pytrace=False)
