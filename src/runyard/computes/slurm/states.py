"""Every state of a Slurm job, and what it says about the run that the job is for."""

from __future__ import annotations

from runyard.history.targets import TargetState
from runyard.record.states import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ALIVE: Mapping[str, str] = {
    "PENDING": "waits in the queue",
    "CONFIGURING": "has its nodes, which are being made ready",
    "RUNNING": "runs",
    "COMPLETING": "has ended, and is being cleaned up",
    "SUSPENDED": "is suspended, with its nodes given to others",
    "STOPPED": "is stopped by a signal, and keeps its nodes",
    "RESIZING": "is about to change its size",
    "SIGNALING": "is being signalled",
    "STAGE_OUT": "is staging out its files",
    "REQUEUED": "is going back to the queue",
    "REQUEUE_HOLD": "went back to the queue, and is held there",
    "REQUEUE_FED": "went back to the queue of a federation",
    "SPECIAL_EXIT": "went back to the queue after an exit code that is special there, and is held",
    "RESV_DEL_HOLD": "is held, because its reservation was deleted",
}
"""States in which a job may still run, in words."""

ENDS: Mapping[str, tuple[Reason, str]] = {
    "COMPLETED": (Reason.RUNNER_LOST, "ended with exit code 0"),
    "FAILED": (Reason.RUNNER_LOST, "failed"),
    "CANCELLED": (Reason.CANCELLED, "was cancelled"),
    "TIMEOUT": (Reason.TIME_LIMIT, "was ended at its time limit"),
    "DEADLINE": (Reason.TIME_LIMIT, "was ended at its deadline"),
    "PREEMPTED": (Reason.PREEMPTED, "was preempted by another job"),
    "NODE_FAIL": (Reason.NODE_LOST, "was ended because a node failed"),
    "BOOT_FAIL": (Reason.NODE_LOST, "was ended because its nodes did not start"),
    "OUT_OF_MEMORY": (Reason.OUT_OF_MEMORY, "was ended because memory ran out"),
}
"""States that a job does not leave again: the reason where the runner wrote no end, and words."""

ELSEWHERE = "REVOKED"
"""Another cluster of the federation has the job: this one cannot say how it is."""


def base(state: str) -> str:
    """A state without what some commands write behind it: 'CANCELLED by 0', 'CANCELLED+'."""
    return state.partition(" ")[0].rstrip("+").upper()


def target_state(state: str) -> TargetState:
    """What the state says about the run; UNKNOWN for one that this version does not know."""
    name = base(state)
    if name in ALIVE:
        return TargetState.ALIVE
    return TargetState.GONE if name in ENDS else TargetState.UNKNOWN
