"""Watching a started process until it and everything it left behind has ended."""

from __future__ import annotations

import os
import time

from runyard.record import pidfd
from runyard.runner import subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import Any, Protocol

    from runyard.record.states import Reason
    from runyard.runner.requests import Requests

    class Started(Protocol):
        """A process that was started, as ``subprocess.Popen``."""

        pid: int

        def poll(self) -> int | None:
            """The exit code of the process, None while it runs."""

    class Watched(Protocol):
        """What a supervisor watches: a process, and all that belongs to it.

        ``pid``: of the first process, where there are several.
        """

        pid: int

        def wait(self, patience_ms: int) -> bool:
            """Wait so long for its end; True when it has ended, or has to be ended."""

        def look(self) -> None:
            """Called now and then while it runs: to collect orphans that have ended."""

        def end(self, grace_s: float) -> int:
            """End all that still runs: TERM, ``grace_s`` seconds, KILL; how many were killed."""

        def judge(self, outcome: Outcome) -> None:
            """Say how it ended, when nothing of it runs any more."""
else:
    import _signal as signal  # what signal is made of, without enum


_LOOK_EVERY_S = 0.25
"""How often requests are looked for while nothing else happens; bounds the delay of a cancel."""

_LEFTOVER_GRACE_S = 2.0
"""What processes that outlive the script get between TERM and KILL."""

_TO_FINISH_S = 10.0
"""What a runner needs between the end of its script and the end of its job."""
_WARNED_S = 90.0
"""A target's limit that is nearer than this has been warned of, or is about to be (at 60 s)."""
_TARGETS_LIMIT = "the run was ended shortly before the time limit of its job, which is the target's"


class Outcome:
    """How a process ended.

    ``code``: as of ``Popen.returncode`` (negative: signal). ``cause``: why the runner ended it
    (``cancel``, ``fail``, ``complete``, ``time_limit``, ``terminated``), or None when it ended
    by itself. ``request``: the request behind the cause. ``out_of_memory``: the kernel killed
    for memory meanwhile. ``killed``: how many processes did not end on TERM. ``reason``, with
    ``error``: why there is no exit code of the script, None where there is one. ``log``: the file
    in which the script said why; '' for the run's. Of several processes, ``rank`` is the one that
    failed first, which ``code`` is of too, and ``exit_codes`` are those of all (128 + n for signal
    n, None for one that is not known).
    """

    def __init__(self) -> None:
        self.code = 0
        self.cause: str | None = None
        self.request: dict[str, Any] = {}
        self.out_of_memory = False
        self.killed = 0
        self.reason: Reason | None = None
        self.error: dict[str, Any] | None = None
        self.seconds = 0.0
        self.log = ""
        self.rank: int | None = None
        self.exit_codes: list[int | None] | None = None

    def __str__(self) -> str:
        return f"code={self.code} cause={self.cause} killed={self.killed} {self.seconds:.3f}s"


class Supervisor:
    """Watches processes of one run: exit, requests, time limit, its own SIGTERM.

    ``interruptions``: who knows why this runner is told to end (``computes.channels``). A target
    that will end the run at a limit of its own says so before, by SIGUSR1.
    """

    def __init__(self, requests: Requests, grace_s: float, interruptions: Any = None) -> None:
        self._requests = requests
        self._grace_s = grace_s
        self._terminated = False
        self._interruptions = interruptions
        self._warned = False
        self._last_moment: float | None = None
        if interruptions is not None:
            signal.signal(signal.SIGUSR1, self._on_warning)
        subreaper.become()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def asked_to_end(self) -> Outcome | None:
        """Why nothing should be started any more; None when all is well."""
        outcome = Outcome()
        outcome.cause = self._cause(None, outcome)
        return None if outcome.cause is None else outcome

    def heed_only_new_cancels(self, since_ns: int | None = None) -> None:
        """The script has ended: what ended it does not end what is done after it.

        ``since_ns``: when that was, where another runner has taken the run over since.
        """
        self._requests.only_new("cancel", since_ns=since_ns)
        self._terminated = False

    def watch(
        self,
        watched: Watched,
        limit_s: float | None = None,
        since_s: float = 0.0,
        *,
        on_cause: Callable[[Outcome], None] | None = None,
        told: Outcome | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Outcome:
        """Wait for the end of a process, or bring it about; nothing of it runs on after that.

        ``since_s``: how long it runs already. ``on_cause`` is called before it is told to end.
        ``told``: why another runner has told it to. ``meanwhile`` is called once, when the process
        has run for a quarter of a second.
        """
        outcome = told or Outcome()
        begun = time.monotonic() - since_s
        try:
            if outcome.cause is None:
                deadline = None if limit_s is None else begun + limit_s
                self._wait(watched, deadline, outcome, on_cause, meanwhile)
        finally:  # also when this runner fails: nobody else would end the script
            outcome.killed = watched.end(self._grace_s if outcome.cause else _LEFTOVER_GRACE_S)
        self._requests.follow()
        watched.judge(outcome)
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _wait(
        self,
        watched: Watched,
        deadline: float | None,
        outcome: Outcome,
        on_cause: Callable[[Outcome], None] | None,
        meanwhile: Callable[[], None] | None,
    ) -> None:
        while not watched.wait(_patience_ms(deadline)):
            watched.look()
            if meanwhile is not None:
                meanwhile()
                meanwhile = None
            outcome.cause = self._cause(deadline, outcome)
            if outcome.cause is not None:
                if on_cause is not None:
                    on_cause(outcome)
                return

    def _cause(self, deadline: float | None, outcome: Outcome) -> str | None:
        request = self._requests.poll()
        if request is not None:
            outcome.request = request
            return str(request["request"])
        if self._terminated:
            return "terminated"
        if self._warned:
            self._warned = False
            self._last_moment = self._asked_last_moment()
        if self._last_moment is not None and time.monotonic() >= self._last_moment:
            self._last_moment = self._asked_last_moment()  # it may have been moved meanwhile
            if time.monotonic() >= self._last_moment:
                outcome.request = {"message": _TARGETS_LIMIT}
                return "time_limit"
        if deadline is not None and time.monotonic() >= deadline:
            return "time_limit"
        return None

    def _asked_last_moment(self) -> float:
        """When the script has to be told to end, so that its target need not; a monotonic time."""
        ends = self._interruptions.ends_at()
        left_s = 0.0 if ends is None else ends - time.time() - self._grace_s - _TO_FINISH_S
        return time.monotonic() + left_s

    def heed_missed_warning(self) -> None:
        """A warning of the target's limit may have come to another runner, which was killed."""
        ends = None if self._interruptions is None else self._interruptions.ends_at()
        self._warned = ends is not None and ends - time.time() < _WARNED_S

    def told_to_end(self) -> Any:
        """Why this runner, or its script, was told to end by who gave it its nodes; None: not."""
        return None if self._interruptions is None else self._interruptions.why()

    def give_back(self) -> bool:
        """Have the target queue this run again, which it is preempting; whether it does."""
        return bool(self._interruptions.give_back())

    @property
    def terminated(self) -> bool:
        """Whether somebody has told this runner to end."""
        return self._terminated

    def _on_warning(self, *_: object) -> None:
        self._warned = True

    def _on_sigterm(self, *_: object) -> None:
        self._terminated = True


def end_of(process: Started) -> Callable[[int], bool]:
    """A function that waits so many milliseconds for the end of a process."""
    ended = pidfd.opened(process.pid)
    if ended is None:
        return lambda patience_ms: _waited(process, patience_ms / 1000)
    import select  # 0.3 ms that the script need not wait for

    poller = select.poll()
    poller.register(ended, select.POLLIN)
    return lambda patience_ms: bool(poller.poll(patience_ms))


def _waited(process: Started, patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while process.poll() is None:
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def _patience_ms(deadline: float | None) -> int:
    wait_s = _LOOK_EVERY_S
    if deadline is not None:
        wait_s = min(wait_s, max(0.0, deadline - time.monotonic()))
    return int(wait_s * 1000) + 1


def reap_orphans(*own: int) -> None:
    """Collect ended grandchildren that came to us as subreaper; ``own``: those that are Popen's."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in own:
            return
        os.waitpid(ended.si_pid, 0)
