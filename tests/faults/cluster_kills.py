"""What of a Slurm cluster is killed in a trial of ``random_kills``, and what must be left then."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runyard import ComputeTarget, Workspace
from runyard.computes import processes
from runyard.computes.slurm import jobs
from runyard.computes.slurm.compute import SlurmCompute
from runyard.record import owner
from runyard.record.layout import RunDirectory
from tests.slurm_cluster import NODES, SlurmCluster

TARGET = "hpc"
_SETTLED_S = 60.0
_IN_A_JOB = ("slurm-runner", "slurm-batch", "slurm-rank")
_BEGUN = 0.8
"""In so many trials out of one the job has begun when somebody in it is killed."""


class ClusterKills:
    """Kills on one cluster. ``chance``: draws who is killed, where there are several."""

    def __init__(self, slurm: SlurmCluster, chance: random.Random) -> None:
        self._slurm = slurm
        self._chance = chance
        self._kinds: dict[str, Callable[[RunDirectory], bool]] = {
            "slurm-runner": lambda run: _kill(_runner(run)),
            "slurm-batch": lambda run: _kill(_batch_shell(run)),
            "slurm-rank": self._kill_rank,
            "slurm-controller": self._crash_controller,
            "slurm-node": self._crash_slurmd,
        }

    def attach(self, workspace: Workspace) -> None:
        """Make it a target of the workspace."""
        ComputeTarget.attach(workspace, TARGET, SlurmCompute.attach_configuration())

    def kill(self, kind: str, run: RunDirectory, after_s: float) -> bool:
        """Kill who is meant, if it is there then: mostly so long behind the start of the job."""
        if kind in _IN_A_JOB and self._chance.random() < _BEGUN:
            _wait_for_runner(run)
        time.sleep(after_s)  # the moment of the kill is drawn
        return self._kinds[kind](run)

    def nothing_is_left(self, kind: str) -> None:
        """No job, and all nodes are as good as before.

        A controller that has forgotten its last seconds may take a job that has ended for one that
        runs, for minutes.
        """
        if kind == "slurm-controller":
            self._slurm.clear()
        self._slurm.wait_until(self._slurm.is_idle, "no job is left", _SETTLED_S)

    def log(self) -> str:
        """What its daemons have said at last."""
        return self._slurm.log()

    def _kill_rank(self, run: RunDirectory) -> bool:
        """Any process of the job but the runner: a rank, its shell, an srun."""
        alive = [pid for pid in processes.of_run(run.path) if pid != _runner(run)]
        return bool(alive) and _kill(self._chance.choice(alive))

    def _crash_controller(self, _: RunDirectory) -> bool:
        self._slurm.crash_controller()
        return True

    def _crash_slurmd(self, run: RunDirectory) -> bool:
        node = owner.signature(run.lock).get("host")
        self._slurm.crash_slurmd(node if node in NODES else NODES[0])
        return True


def _wait_for_runner(run: RunDirectory) -> None:
    until = time.monotonic() + _SETTLED_S
    while "restart" not in owner.signature(run.lock) and time.monotonic() < until:
        time.sleep(0.005)


def _runner(run: RunDirectory) -> int | None:
    last = owner.signature(run.lock)
    return last["pid"] if "restart" in last and owner.is_held(run.lock) else None


def _batch_shell(run: RunDirectory) -> int | None:
    """The one that has been given the run's script; Slurm has a name for it in its spool."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            if len(words) > 1 and words[1].endswith(b"/slurm_script") and _is_of(name, run):
                return int(name)
    return None


def _is_of(pid: str, run: RunDirectory) -> bool:
    """Whether it is the first process of the run's job: its variables name the job."""
    variables = Path("/proc", pid, "environ").read_bytes().split(b"\0")
    return f"SLURM_JOB_NAME={jobs.name_of(run)}".encode() in variables


def _kill(pid: int | None) -> bool:
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
