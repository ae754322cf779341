"""A process of this machine and everything it started."""

from __future__ import annotations

import os

from runyard.computes import processes
from runyard.runner import memory
from runyard.runner.supervision import end_of, reap_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runyard.computes.spawning import Started
    from runyard.record.layout import RunDirectory
    from runyard.runner.forked import Forked
    from runyard.runner.supervision import Outcome
    from runyard.runner.witness import Script


class ProcessTree:
    """What a supervisor watches of a run on this machine."""

    def __init__(self, process: Started | Forked | Script, run: RunDirectory) -> None:
        self.pid = process.pid
        self._process = process
        self._run = run
        self._memory = memory.OomWatch(process.pid)
        self._ended = end_of(process)

    def wait(self, patience_ms: int) -> bool:
        """Wait so many milliseconds for the end of the process."""
        return self._ended(patience_ms)

    def look(self) -> None:
        """Note which memory group the process is in."""
        reap_orphans(self.pid)
        self._memory.look()

    def end(self, grace_s: float) -> int:
        """End the process and all that is below this runner for the run."""
        return end_below(self._run, grace_s, self._reap)

    def judge(self, outcome: Outcome) -> None:
        """By the exit code of the process and what the kernel counted."""
        outcome.code = self._process.wait()
        outcome.out_of_memory = self._memory.struck()

    def _reap(self) -> None:
        """Collect the process and all orphans that have ended."""
        self._process.poll()
        reap_orphans(self.pid)


def end_below(run: RunDirectory, grace_s: float, reap: Callable[[], None], spare: int = 0) -> int:
    """End all that is below this runner for the run; how many had to be killed.

    ``reap`` collects what has ended. ``spare``: one that is to end by itself.
    """

    def below() -> list[int]:
        # Without a child nothing is below a subreaper: nearly always so, and a look through /proc
        # takes 3 ms where 100 processes run.
        if not processes.has_children():
            return []
        found = processes.descendants_of_run(os.getpid(), run.path)
        return [pid for pid in found if pid != spare]

    def near() -> list[int]:
        found = processes.children_of_run(os.getpid(), run.path)
        return [pid for pid in found if pid != spare]

    return processes.end(below, grace_s, near=near, reap=reap)
