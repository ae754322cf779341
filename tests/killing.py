"""Runs whose processes are killed by SIGKILL."""

from __future__ import annotations

import os
import signal

from runyard.computes import processes
from runyard.record import events, owner, script
from runyard.record.layout import RunDirectory
from runyard.record.states import Status
from runyard.testing import runs


def kill_runner(run: RunDirectory) -> None:
    """Kill whoever has the run's lock; another runner can go on with the run."""
    runs.wait_for(lambda: "pid" in owner.signature(run.lock))
    pid = owner.signature(run.lock)["pid"]
    os.kill(pid, signal.SIGKILL)
    # Whoever waits for the run may have started another one at once.
    runs.wait_for(
        lambda: not owner.is_held(run.lock) or owner.signature(run.lock).get("pid") != pid
    )


def runner_of(run: RunDirectory) -> int:
    """The runner of a run that it says is Running: a script may print something before that."""
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    return int(events.read_state(run).detail["runner"])


def lose(run: RunDirectory) -> None:
    """Kill the runner, its witness and the script, as a power cut does: no code is recorded."""
    runs.wait_for(lambda: script.read(run).pid is not None)
    found, runner = script.read(run), owner.signature(run.lock)["pid"]
    # While it has the lock nobody starts another one, which would go on with the script.
    os.kill(runner, signal.SIGSTOP)
    left = (found.witness["pid"], found.pid, runner)
    for pid in left:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    runs.wait_for(lambda: set(left).isdisjoint(processes.of_run(run.path)))
    runs.wait_for(lambda: not owner.is_held(run.lock))
