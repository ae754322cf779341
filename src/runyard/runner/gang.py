"""The processes of a distributed run: watched together, ended together, judged by the first that
failed."""

from __future__ import annotations

import os
import select
import time

from runyard.computes import processes
from runyard.record import pidfd, ranks
from runyard.runner import memory
from runyard.runner.supervision import reap_orphans
from runyard.runner.tree import end_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from runyard.computes.spawning import Started
    from runyard.launchers.plan import LaunchPlan
    from runyard.record.layout import RunDirectory
    from runyard.record.ranks import Rank
    from runyard.runner.supervision import Outcome

STARTER = "starter"
"""Among the ranks that have failed: what had started one is gone, and the rank is not."""

_OF_TARGET = "/"
"""What a target's own processes have for the folder of the run; see computes/slurm/step.sh."""

_PATIENCE_S = 3.0
"""How long one that is about to fail may take; what has started it then ends the others as well."""

_SIGNALLED = range(129, 160)
"""What rank.sh, as every shell, ends with after a signal."""


class Gang:
    """What a supervisor watches of a distributed run.

    ``started``: with ``each``, the processes of the plan, and else those that start them. ``log``:
    what these themselves say. ``oom_kills``: what was counted of them before, by another runner,
    and here by now, of ``memory.OomWatch``. ``closing`` is called when all has ended.
    """

    def __init__(
        self,
        started: Sequence[Started],
        plan: LaunchPlan,
        run: RunDirectory,
        *,
        each: bool,
        log: str,
        oom_kills: Mapping[str, int] | None = None,
    ) -> None:
        self.pid = started[0].pid
        self._started = tuple(started)
        self._run = run
        self._log = log
        self._patience_s = _PATIENCE_S
        self._size = len(plan.processes)
        self._each = each
        self._serving = frozenset(p.rank for p in plan.processes if p.serves)
        self._working = [p.rank for p in plan.processes if not p.serves]
        self._ends = Ends(self._started)
        self._noticed: dict[int, float] = {}
        self._failed_at: float | None = None
        self._begun = time.time()
        self._ended: float | None = None
        self._failed_before: frozenset[str] = frozenset()
        self._served = False
        self.closing: Callable[[], None] = lambda: None
        self._memory = memory.OomWatch(self.pid, before=oom_kills)
        self.oom_kills = self._memory.counts

    def wait(self, patience_ms: int) -> bool:
        """Wait so long for all to end that do not serve, or for one that fails."""
        return self._is_over() or (self._ends.wait(patience_ms) and self._is_over())

    def look(self) -> None:
        """See what the ranks have recorded, wherever they run."""
        self._collect()
        self._memory.look()
        failed = _names(ranks.failed_folder(self._run))
        if failed:
            self._failed_at = self._failed_at or time.monotonic()
            # One that is failing may still have something to do; once it has ended, nobody waits.
            numbers = (int(name) for name in failed if name.isdigit())
            if STARTER in failed or any(ranks.of(self._run, n).code for n in numbers):
                self._patience_s = 0.0
        if self._serving and not self._each:
            self._served = self._none_is_left_to_serve()

    def end(self, grace_s: float) -> int:
        """End all that is below this runner for the run."""
        self.note_end()
        killed = end_below(self._run, grace_s, self._collect)
        # What starts daemons elsewhere is no process of the run, and lasts as long as their ranks.
        until = time.monotonic() + grace_s
        while processes.children_of_run(os.getpid(), _OF_TARGET) and time.monotonic() < until:
            time.sleep(0.05)
            self._collect()
        return killed

    def note_end(self) -> None:
        """All are told to end now: who fails from here on has not failed by itself."""
        if self._ended is None:
            self._ended = time.time()
            self._failed_before = frozenset(_names(ranks.failed_folder(self._run)))

    def judge(self, outcome: Outcome) -> None:
        """By the rank that failed first; where none is known, by what has started them."""
        known = {rank.number: rank for rank in self._ranks()}
        outcome.exit_codes = [known[n].code if n in known else None for n in range(self._size)]
        judged = [rank for n, rank in known.items() if not (self._served and n in self._serving)]
        first = self._first_failed(judged)
        if first is not None:
            self._blame(outcome, first)
        else:
            self._judge_starter(outcome, judged)
        if not self._each and any(code != 0 for code in outcome.exit_codes):
            self._remove_left()
        self.closing()

    def _remove_left(self) -> None:
        import tempfile

        from runyard.computes import mpi_left

        mpi_left.remove_sessions((process.pid for process in self._started), tempfile.gettempdir())
        mpi_left.remove_segments(self._begun)

    def _first_failed(self, judged: list[Rank]) -> Rank | None:
        """Of those that failed by themselves, before all were told to end.

        The clock of a node may be ahead of this one's: what was seen before counts as well.
        """
        told = self._ended or time.time()
        if not self._each and sum(rank.failed is not None for rank in judged) > 1:
            from runyard.runner import mpi_abort

            mpi_abort.mark_lost(judged, self._log)
        first = ranks.first_failed(
            [
                rank
                for rank in judged
                if str(rank.number) in self._failed_before
                or (rank.failed is not None and rank.failed <= told)
            ]
        )
        if first is not None or self._each:
            return first or ranks.first_failed(judged)
        # Not in the logs of those that ended well, which are all of nearly every run.
        others = [rank.number for rank in judged if rank.code != 0]
        if not others:
            return None
        from runyard.runner import mpi_abort

        aborted = mpi_abort.find(self._run, others)
        if aborted is None:
            return None
        found = next(rank for rank in judged if rank.number == aborted[0])
        found.code = aborted[1]
        return found

    def _blame(self, outcome: Outcome, first: Rank) -> None:
        from runyard.record.states import Reason

        # Its shell may have been killed before it could record the code.
        code = (first.failing or 1) if first.code is None else first.code
        outcome.code = 128 - code if code in _SIGNALLED else code
        outcome.rank = first.number
        if first.started is None:  # its log has nothing: rank.sh has said why
            message = f"rank {first.number} was not started: exit code {code}"
            outcome.reason, outcome.error = Reason.LAUNCH_FAILED, self._said(message)
        outcome.log = self._run.rank_log(first.number)
        outcome.out_of_memory = self._memory.struck()

    def _judge_starter(self, outcome: Outcome, known: list[Rank]) -> None:
        from runyard.record.states import Reason

        ended = (0 if self._served else process.wait() for process in self._started)
        outcome.code = next(filter(None, ended), 0)
        outcome.log = self._log
        if not self._each and outcome.exit_codes == [0] * self._size:
            outcome.code = 0  # all were there, and have done their work: it was killed behind them
        if outcome.code and not known:
            message = f"no process was started: their starter ended with {outcome.code}"
            outcome.reason, outcome.error = Reason.LAUNCH_FAILED, self._said(message)
        elif not self._each and (outcome.code or any(rank.code for rank in known)):
            how = _ended_with(outcome.code)
            message = f"what had started the ranks ended {how}, and none of them had failed"
            outcome.reason, outcome.error = Reason.NODE_LOST, self._said(message)

    def _said(self, message: str) -> dict[str, Any]:
        """An error with the end of the log of what has started the processes."""
        from runyard.runner import logtail

        return {"message": message, "log_tail": logtail.last_lines(logtail.read(self._log))}

    def _ranks(self) -> list[Rank]:
        """What the ranks have recorded, and for those that could not what the kernel says."""
        found = {rank.number: rank for rank in ranks.read(self._run)}
        for number, process in enumerate(self._started if self._each else ()):
            rank = found.setdefault(number, ranks.Rank(number, []))
            code = process.wait()
            if rank.code is None and code:
                rank.code = code if code > 0 else 128 - code
                rank.failed = rank.failed or self._noticed.get(number, time.time())
        return list(found.values())

    def _is_over(self) -> bool:
        self._collect()
        running = [number for number, p in enumerate(self._started) if p.returncode is None]
        if self._each:
            codes = [process.returncode for process in self._started]
            if any(codes):
                return True
            self._served = set(running) <= self._serving and bool(self._serving)
        if not running or self._served:
            return True
        return (
            self._failed_at is not None and time.monotonic() - self._failed_at >= self._patience_s
        )

    def _none_is_left_to_serve(self) -> bool:
        """One record is read at a time: there may be 1,000, on a file system far away."""
        while self._working and ranks.of(self._run, self._working[-1]).ended is not None:
            self._working.pop()
        return not self._working

    def _collect(self) -> None:
        """The exit codes of our own, and whatever else has ended below us."""
        for number, process in enumerate(self._started):
            if process.poll() is not None and number not in self._noticed:
                self._noticed[number] = time.time()
        reap_orphans(*(p.pid for p in self._started if p.returncode is None))


class Ends:
    """Waits for the next end among several processes."""

    def __init__(self, processes: Sequence[Started]) -> None:
        self._processes = processes
        self._ended: set[int] = set()
        self._poller = select.poll()
        self._pidfds: set[int] = set()
        for process in processes:
            ended = pidfd.opened(process.pid)
            if ended is None:
                self._close()
                return
            self._pidfds.add(ended)
            self._poller.register(ended, select.POLLIN)

    def _close(self) -> None:
        for ended in self._pidfds:
            os.close(ended)
        self._pidfds.clear()

    def wait(self, patience_ms: int) -> bool:
        """Wait so long until one more has ended; False when none has."""
        if not self._pidfds:
            return self._waited(patience_ms / 1000)
        ended = self._poller.poll(patience_ms)
        for number, _ in ended:
            self._poller.unregister(number)
            os.close(number)
            self._pidfds.discard(number)
        return bool(ended)

    def _waited(self, patience_s: float) -> bool:
        until = time.monotonic() + patience_s
        while not self._noticed():
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        return True

    def _noticed(self) -> bool:
        ended = {n for n, p in enumerate(self._processes) if p.poll() is not None}
        new = ended - self._ended
        self._ended |= new
        return bool(new)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _ended_with(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    import signal

    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
