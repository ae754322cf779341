"""A process of this machine and everything it started."""

from __future__ import annotations

import os

from runyard.computes import processes
from runyard.runner import memory
from runyard.runner.supervision import reap_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from runyard.record.layout import RunDirectory
    from runyard.runner.forked import Forked
    from runyard.runner.supervision import Outcome


class ProcessTree:
    """What a supervisor watches of a run on this machine."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked, run: RunDirectory) -> None:
        self.pid = process.pid
        self._process = process
        self._run = run
        self._memory = memory.OomWatch(process.pid)

    def poll(self) -> int | None:
        """The exit code of the process, None while it runs."""
        return self._process.poll()

    def look(self) -> None:
        """Note which memory group the process is in."""
        self._memory.look()

    def end(self, grace_s: float) -> int:
        """End the process and all that is below this runner for the run."""
        return processes.end(
            self._below,
            grace_s,
            near=lambda: processes.children_of_run(os.getpid(), self._run.path),
            reap=self._reap,
        )

    def judge(self, outcome: Outcome) -> None:
        """By the exit code of the process and what the kernel counted."""
        outcome.code = self._process.wait()
        outcome.out_of_memory = self._memory.struck()

    def _below(self) -> list[int]:
        # Without a child nothing is below a subreaper: nearly always so, and a look through /proc
        # takes 3 ms where 100 processes run.
        if not processes.has_children():
            return []
        return processes.descendants_of_run(os.getpid(), self._run.path)

    def _reap(self) -> None:
        """Collect the process and all orphans that have ended."""
        self._process.poll()
        reap_orphans(self.pid)
