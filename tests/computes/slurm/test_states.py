"""Every state of a Slurm job, and what it says about a run."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from runyard.computes.slurm import states
from runyard.history.targets import TargetState
from runyard.record.states import Reason
from tests.requirements import missing

GOING_ON = [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "SUSPENDED",
    "STOPPED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
    "REQUEUED",
    "REQUEUE_HOLD",
    "REQUEUE_FED",
    "SPECIAL_EXIT",
    "RESV_DEL_HOLD",
]
OVER = {
    "COMPLETED": Reason.RUNNER_LOST,
    "CANCELLED": Reason.CANCELLED,
    "FAILED": Reason.RUNNER_LOST,
    "TIMEOUT": Reason.TIME_LIMIT,
    "DEADLINE": Reason.TIME_LIMIT,
    "PREEMPTED": Reason.PREEMPTED,
    "NODE_FAIL": Reason.NODE_LOST,
    "BOOT_FAIL": Reason.NODE_LOST,
    "OUT_OF_MEMORY": Reason.OUT_OF_MEMORY,
}


def test_each_state_says_one_thing() -> None:
    assert list(states.ALIVE) == GOING_ON
    assert {name: reason for name, (reason, _) in states.ENDS.items()} == OVER
    for name in GOING_ON:
        assert states.target_state(name) is TargetState.ALIVE
    for name in OVER:
        assert states.target_state(name) is TargetState.GONE


@pytest.mark.parametrize("state", ["REVOKED", "SOMETHING_NEW", ""])
def test_what_is_not_known_stays_unknown(state: str) -> None:
    assert states.target_state(state) is TargetState.UNKNOWN


@pytest.mark.parametrize("text", ["CANCELLED by 1000", "CANCELLED+", "cancelled"])
def test_what_sacct_writes_behind_a_state_is_left_out(text: str) -> None:
    assert states.base(text) == "CANCELLED"


def test_no_state_of_the_installed_slurm_is_left_out() -> None:
    """The manual of squeue lists them."""
    manual = _manual("squeue")
    listed = set(re.findall(r"^\s+[A-Z]{1,2}\s+([A-Z_]{5,})\b", manual, re.MULTILINE))
    assert "PENDING" in listed
    known = {*states.ALIVE, *states.ENDS, states.ELSEWHERE}
    assert listed - known == set()


def _manual(name: str) -> str:
    program = shutil.which("man")
    done = (
        subprocess.run([program, "--pager=cat", name], capture_output=True, text=True, check=False)
        if program
        else None
    )
    if done is None or "JOB STATE CODES" not in done.stdout:
        missing("slurm-man", f"the manual of {name} is not installed")
    return done.stdout
