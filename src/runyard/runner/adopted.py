"""What a runner watches that goes on with a distributed run, or one in containers.

The ranks have recorded how they ended, and the engine knows its containers.
"""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

from runyard.computes import (
    channels,
    half_started,
    mpi_left,
    processes,
    rehearsed_channel,
    spawning,
)
from runyard.containers import finding, run_names
from runyard.record import jsonl, owner, ranks, script
from runyard.record.states import Reason
from runyard.runner.contained import Contained
from runyard.runner.container_gang import ContainerGang
from runyard.runner.gang import Gang

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.script import Script
    from runyard.runner.supervision import Outcome, Watched

_STARTING_S = 60.0
"""For a client that was left behind while it was starting a container."""
_KILLED = -9


def watched(run: RunDirectory, found: Script) -> Watched:
    """What is to be watched of such a run. Raises OSError or EngineError."""
    if found.in_container:
        place = jsonl.read_json(run.container_json)
        contained = [AdoptedContainer(run, place, name) for name in run_names.recorded(run, place)]
        if found.gang is None:
            return contained[0]
        gang = ContainerGang(contained, _plan(found), run, run.join("system_logs", "launch.txt"))
        gang.closing = lambda: _remove_left(run)
        return gang
    if channels.interruptions() is not None:
        return AdoptedSteps(run, found)
    return AdoptedGang(run, found)


def _plan(found: Script) -> Any:
    """As much of the plan as a gang needs to judge."""
    gang = found.gang or {}
    serving = set(gang.get("serving") or ())
    return SimpleNamespace(
        processes=[
            SimpleNamespace(rank=rank, serves=rank in serving) for rank in range(int(gang["size"]))
        ]
    )


class AdoptedGang(Gang):
    """The processes of a distributed run on this machine, started by another runner."""

    def __init__(self, run: RunDirectory, found: Script) -> None:
        size = int((found.gang or {})["size"])
        started: Any = [
            _Seen(run, pid, start, [number] if found.each else range(size))
            for number, (pid, start) in enumerate(found.processes or ())
        ]
        super().__init__(
            started,
            _plan(found),
            run,
            each=found.each,
            log=found.log,
            oom_kills=found.oom_kills,
        )
        self._begun = float(found.witness.get("t") or 0.0)
        self.closing = lambda: _remove_left(run)

    def end(self, grace_s: float) -> int:
        """End all processes of the run: none of them is below this one."""
        self.note_end()
        own = os.getpid()
        return processes.end(
            lambda: [pid for pid in processes.of_run(self._run.path) if pid != own],
            grace_s,
            reap=self._collect,
        )


class AdoptedSteps(AdoptedGang):
    """The processes of a distributed run on the nodes of a Slurm job.

    Of these the runner starts and ends what starts them, srun or ``mpiexec``, which tell the others
    once, wherever these are: on this node, too, they are below the daemons of Slurm.
    """

    def end(self, grace_s: float) -> int:
        """End what has started the processes; then kill what of the job's steps is left."""
        from runyard.computes.slurm import steps

        self.note_end()
        killed = processes.end(self._starters, grace_s, reap=self._collect)
        # Daemons elsewhere last as long as their ranks, which are told when their starter is gone.
        steps.kill_steps(grace_s)
        return killed + super().end(0.0)

    def _starters(self) -> list[int]:
        living = [p.pid for p in self._started if p.poll() is None]
        below = (processes.descendants_of_run(pid, self._run.path) for pid in living)
        return [*living, *(pid for found in below for pid in found)]


def _remove_left(run: RunDirectory) -> None:
    mpi_left.remove_segments(os.stat(run.run_json).st_mtime)
    rehearsed_channel.remove_scratch(run)


class _Seen:
    """A process that is no child of this one; as much of ``Popen`` as a gang needs.

    ``of``: the ranks that it is, or has started, which have recorded their codes. One that could
    not was killed.
    """

    def __init__(self, run: RunDirectory, pid: int, start: int, of: Any) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._run = run
        self._start = start
        self._of = of

    def poll(self) -> int | None:
        if self.returncode is None and owner.start_ticks(self.pid) != self._start:
            codes = [ranks.of(self._run, number).code for number in self._of]
            self.returncode = _KILLED if None in codes else max(filter(None, codes), default=0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        while self.poll() is None:
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode


class AdoptedContainer(Contained):
    """A container that another runner has started; the engine's ``wait`` is attached to it."""

    def __init__(self, run: RunDirectory, place: dict[str, Any], name: str) -> None:
        engine = finding.named(str(place["engine"]))
        self._noted = script.read(run).containers.get(name)
        state = None if self._noted else _await_start(run, engine, name)
        self.begun = None if state is None else state.begun
        client: Any = _Ended() if self._noted else _waiting(run, engine, name)
        super().__init__(engine, name, client, run)

    def judge(self, outcome: Outcome) -> None:
        """By what its runner has noted, or the engine says; of one that is gone, nobody can."""
        if self._noted is not None:
            _apply(self._noted, outcome)
            self._remove()
            return
        state = self._state()
        if state is not None and state.started:
            super().judge(outcome)
            return
        self.client.wait()
        how = "was never started" if state else "is gone: how the script ended is not known"
        message = f"its container {self._name} {how}"
        outcome.reason, outcome.error = Reason.RUNNER_LOST, {"message": message}
        if state is not None:
            self._remove()


def _waiting(run: RunDirectory, engine: Any, name: str) -> Any:
    """The engine's client that waits for the end of a container."""
    log = os.open(run.runner_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        argv = [engine.program, "wait", name]
        return spawning.spawn(argv, dict(os.environ), os.path.dirname(run.runner_log), log)
    finally:
        os.close(log)


class _Ended:
    """In place of the client of a container that has ended, and may be gone."""

    pid = 0
    returncode = 0

    def poll(self) -> int:
        return 0

    def wait(self, timeout: float | None = None) -> int:
        return 0


def _apply(noted: dict[str, Any], outcome: Outcome) -> None:
    """What a runner has noted of a container."""
    outcome.code, outcome.out_of_memory = noted["code"], bool(noted.get("out_of_memory"))
    if "reason" in noted:
        known = {reason.value: reason for reason in Reason}
        outcome.reason = known.get(noted["reason"], Reason.RUNNER_LOST)
        outcome.error = dict(noted.get("error") or {})


def _await_start(run: RunDirectory, engine: Any, name: str) -> Any:
    """The state of a container that the client of the old runner may only be about to start."""
    until = time.monotonic() + _STARTING_S
    while True:
        starting = half_started.is_starting(run, name)
        state = engine.state(name)
        if (state is not None and state.started) or not starting or time.monotonic() >= until:
            return state
        time.sleep(0.2)
