"""What Slurm means by the signals that it sends to the runner of a job."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from runyard.computes.slurm import states
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.history.targets import TargetState
from runyard.record.states import Reason


class Interruption(NamedTuple):
    """Why a job was told to end: the reason, None where it is queued again; a sentence.

    ``forgotten``: it is queued again because its slurmctld does not know that it has begun, which
    ends what it has begun as soon as its nodes report it: by SIGKILL. ``in_grace``: it may run on
    for the GraceTime of its partition, but Slurm has told its steps, so its ranks, to end; it is
    queued again where it runs for so long, or by ``give_back``.
    """

    reason: Reason | None
    message: str
    forgotten: bool = False
    in_grace: bool = False


_FIELD = re.compile(
    r"(?:^|\s)(JobState|Reason|Requeue|Restarts|PreemptTime|EndTime|Partition)=(\S*)"
)
_NOTHING = ("", "None", "N/A", "Unknown")
_TIME = ("TimeLimit", "DeadLine")
_NODE = ("NodeDown", "NodeFail", "BootFail")
_BATCH = ("JobLaunchFailure", "RaisedSignal", "NonZeroExitCode")
"""The batch script is gone, and this runner is not: so nobody has ended the job by Slurm."""


def ends_at() -> float | None:
    """When Slurm will end this job, in seconds since 1970; None: not said, or no limit."""
    text = _asked().get("EndTime", "")
    return float(text) if text.isdigit() else None


def why() -> Interruption | None:
    """Why this job is being ended; None when it is not, or Slurm does not say."""
    return of_job(_asked(), int(os.environ.get("SLURM_RESTART_COUNT") or 0))


def of_job(known: dict[str, str], restarts: int) -> Interruption | None:
    """The same, of what scontrol says of a job that had been queued again ``restarts`` times."""
    job = f"Slurm job {os.environ.get('SLURM_JOB_ID', '')}"
    if int(known.get("Restarts") or 0) > restarts:
        return Interruption(None, f"{job} was queued again: preempted, or a node failed")
    if known.get("JobState") == "PENDING":
        text = f"{job} was queued again: slurmctld was killed, and had not kept that it had begun"
        return Interruption(None, text, forgotten=True)
    preempted = known.get("PreemptTime", "") not in _NOTHING
    if known.get("JobState") in (None, "RUNNING", "SUSPENDED"):
        again = known.get("Requeue") == "1"
        return _in_grace(job, again=again) if preempted else None
    if preempted:
        return Interruption(Reason.PREEMPTED, f"{job} was preempted by another job")
    reason = known.get("Reason", "")
    if reason in _TIME:
        return Interruption(Reason.TIME_LIMIT, f"{job} was ended at its time limit")
    if reason in _NODE:
        return Interruption(Reason.NODE_LOST, f"{job} was ended because a node failed")
    if reason.startswith(_BATCH) or known.get("JobState") == "FAILED":
        text = f"{job} failed ({reason}): its batch script was killed, which starts its runners"
        return Interruption(Reason.RUNNER_LOST, text)
    return Interruption(Reason.CANCELLED, f"{job} was cancelled in Slurm (scancel)")


def _in_grace(job: str, *, again: bool) -> Interruption:
    if again:
        return Interruption(None, f"{job} was queued again: preempted", in_grace=True)
    return Interruption(Reason.PREEMPTED, f"{job} was preempted by another job", in_grace=True)


def give_back() -> bool:
    """Have this job queued again before the end of its grace time; whether it is.

    One that just ended would be over for Slurm.
    """
    try:
        Slurm().run("scontrol", "requeue", os.environ["SLURM_JOB_ID"])
    except (KeyError, SlurmError):
        return False
    return True


def may_live(job: str) -> bool:
    """Whether a job may run, or begin once more; True also where Slurm does not answer."""
    try:
        text = Slurm().run("scontrol", "show", "job", "-o", job)
    except SlurmError as error:
        return error.silent
    return states.target_state(parsed(text).get("JobState", "")) is not TargetState.GONE


def _asked() -> dict[str, str]:
    """What Slurm says of this job; {} when it does not answer."""
    try:
        text = Slurm().run("scontrol", "show", "job", "-o", os.environ["SLURM_JOB_ID"])
    except (KeyError, SlurmError):
        return {}
    return parsed(text)


def parsed(text: str) -> dict[str, str]:
    """The fields of one job: the first of each name, as values with blanks come behind them."""
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(text):
        found.setdefault(name, value)
    return found
