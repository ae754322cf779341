"""A run of a cluster that was begun already, by a runner of which Slurm says nothing.

It was killed, and the batch script of its job has started this one; or Slurm has started the run
twice. Processes of the script that live on this node are gone on with. The script is started once
more only where nothing of it had begun, or the run asks for that.
"""

from __future__ import annotations

import os

from runyard.computes import adoption, half_started
from runyard.computes.slurm import options
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.record import adoptions, cause, computes, events, owner, script
from runyard.record.states import Reason, Status
from runyard.runner import adopting, said
from runyard.runner.ending import End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.script import Script

LOST = "lost"
"""Of a run with which this runner cannot go on: it ends it."""


def word(run: RunDirectory) -> str:
    """How a runner of the run's own job begins: ``adopt``, ``again`` or ``lost``."""
    why = obstacle(run)
    if not why:
        return adoption.GO_ON
    return adoption.AGAIN if _may_begin(run) else LOST


def obstacle(run: RunDirectory) -> str:
    """Why this runner cannot go on with what runs; '' where it can."""
    found = script.read(run)
    if not found.witness:
        return "Nothing of its script had been started."
    if found.witness.get("host") != owner.identity()["host"]:
        if adoption.has_recorded_its_end(run, found):
            return ""
        return f"Its script was started on node {found.witness.get('host')}."
    if found.in_container:
        return "How the program of a container ends, nobody can say but who has started it."
    try:
        return adoption.obstacle(run, found)
    except OSError as error:
        return f"{error}"


def _may_begin(run: RunDirectory) -> bool:
    """Whether its script may be started, for the first time or once more."""
    most = adoption.max_restarts(run)
    if adoptions.count(run) >= adoptions.MOST + most:
        return False
    found = script.read(run)
    if not found.witness or _is_undone(run, found):
        return True
    if events.cancel_requested(run) or cause.read(run)[0]:
        return False
    return most > 0 and _starts(run) <= most


def _starts(run: RunDirectory) -> int:
    """How often the script was started, by whichever runner."""
    statuses = [event.get("status") for event in events.read_state(run).events]
    return statuses.count(Status.RUNNING.value)


def bound(run: RunDirectory, spec: Mapping[str, Any]) -> None:
    """Have Slurm end the job of a run, should it be lost, that was started as often as it may be.

    One that may be preempted is queued again however often.
    """
    record = computes.read(run.workspace, str(spec["target"])) or {}
    if _starts(run) < int(spec["max_restarts"]) or options.is_preemptible(spec, record):
        return
    try:
        job = os.environ["SLURM_JOB_ID"]
        Slurm().run("scontrol", "update", f"JobId={job}", "Requeue=0")
    except (KeyError, SlurmError) as error:
        said.say(f"Slurm was not told that the run is not to be started again: {error}")


def _is_undone(run: RunDirectory, found: Script) -> bool:
    """Whether several processes were being started, none of which had begun; they are ended."""
    if found.gang is None or found.in_container or found.processes is not None:
        return False
    adopting.reap(run)
    return half_started.is_undone(run, found)


def lost(run: RunDirectory) -> End:
    """End what is left of the run, and say why this runner has not gone on with it."""
    why = obstacle(run)
    adopting.reap(run)
    if events.cancel_requested(run):
        return End(Reason.CANCELLED, None, message=_CANCELLED)
    return End(Reason.RUNNER_LOST, {"message": f"{_LOST} {why}".removesuffix(" -")})


_LOST = "The runner of this run was killed, and another one could not go on with it."
_CANCELLED = "Cancelled; the runner was gone before it could carry it out."
