"""In words: why a job waits, and why a run whose runner wrote no end is gone."""

from __future__ import annotations

import os
import pwd
import re

from runyard.computes.slurm import jobs, states
from runyard.record import jsonl
from runyard.record.states import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.computes.slurm.jobs import Job
    from runyard.computes.slurm.queue import Known
    from runyard.record.layout import RunDirectory

_TAIL_BYTES = 4_096
_TAIL_LINES = 12
_MIB = 2**20

_UNSEEN = "Slurm has not looked at it yet"
_WAITING = {
    "Priority": "other jobs come first",
    "Resources": "its nodes are not free yet",
    "None": _UNSEEN,
    "BeginTime": "its time to begin has not come",
    "Dependency": "it waits for another job",
    "JobHeldUser": "it is held by its user: scontrol release",
    "JobHeldAdmin": "it is held by an administrator",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "PartitionNodeLimit": "it asks for more nodes than its partition allows",
    "PartitionConfig": "its partition does not allow what it asks for, or has no such nodes",
    "PartitionTimeLimit": (
        "it asks for more time than its partition allows: its limit and 4 minutes or so"
    ),
    "ReqNodeNotAvail": "a node that it needs is not available",
    "Reservation": "it waits for its reservation",
    "Licenses": "it waits for a licence",
    "BadConstraints": "no node can do what it asks",
    "NodeDown": "a node that it needs is down",
    "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions": (
        "its nodes are down, drained or reserved"
    ),
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its qos is not valid",
    "AssociationJobLimit": "its account runs as many jobs as it may",
    "QOSMaxJobsPerUserLimit": "its user runs as many jobs as the qos allows",
    "MaxJobsPerAccount": "its account runs as many jobs as it may",
}


def waiting(reason: str) -> str:
    """Slurm's word for why a job waits, with what it means: 'Priority: other jobs come first'."""
    word = reason.strip("()")
    meaning = _WAITING.get(word.partition(",")[0])
    if not word:
        return ""
    if meaning == _UNSEEN:
        return meaning
    return f"{word}: {meaning}" if meaning and word != meaning else word


def why(run: RunDirectory, job: Job | None, known: Known | None) -> tuple[Reason, str] | None:
    """The reason, and a sentence; None where nothing is known of a job."""
    if job is None and known is None:
        if jobs.signed_name(run) is None:
            return None
        return (
            Reason.LAUNCH_FAILED,
            "The process that submitted this run ended before Slurm had it.",
        )
    number = known.number if known is not None else job.number if job is not None else ""
    begun = jobs.signed_name(run) is None
    if known is None:
        text = f"Slurm knows nothing of its job {number} any more"
        reason = Reason.RUNNER_LOST if begun else Reason.LAUNCH_FAILED
        return reason, f"{text}, and the runner has not written how the run ended.{_said(run)}"
    reason, words = states.ENDS.get(known.state, (Reason.RUNNER_LOST, f"is {known.state}"))
    if reason is Reason.OUT_OF_MEMORY or _ran_out_of_memory(output_tail(run)):
        return Reason.OUT_OF_MEMORY, f"{_out_of_memory(run, number)}{_said(run)}"
    where = f" on {known.nodes}" if known.nodes else ""
    who = _by(known.reason) if known.state == "CANCELLED" else ""
    text = f"Slurm job {number} {words}{who}{where}"
    if reason is not Reason.RUNNER_LOST:
        return reason, f"{text}.{_said(run)}"
    if not begun:
        return Reason.LAUNCH_FAILED, f"{text} before the runner could start.{_said(run)}"
    return reason, f"{text}, and the runner has not written how the run ended.{_said(run)}"


def _by(said: str) -> str:
    """Who has cancelled a job, of what sacct says: 'CANCELLED by 1000'."""
    uid = said.rpartition(" by ")[2]
    if not uid.isdigit():
        return ""
    try:
        return f" by {pwd.getpwuid(int(uid)).pw_name}"
    except KeyError:
        return f" by the user with the number {uid}"


def _ran_out_of_memory(output: str) -> bool:
    """What Slurm writes into the output of a job, whose state does not say it."""
    return re.search(r"exceeded (job |step )?memory limit|oom[-_ ]kill", output, re.I) is not None


def _out_of_memory(run: RunDirectory, number: str) -> str:
    try:
        asked = jsonl.read_json(run.run_json)["spec"].get("resources") or {}
    except (OSError, ValueError, KeyError):
        asked = {}
    memory = asked.get("memory_bytes")
    had = f"{int(memory) // _MIB} MiB on each node" if memory else "what the site gives by default"
    return (
        f"Slurm job {number} was ended because it used more memory than it had asked for, which "
        f"was {had}; ask for more by a larger vm_size (runyard compute sizes)."
    )


def _said(run: RunDirectory) -> str:
    """The end of the job's own output, as more of the sentence."""
    tail = output_tail(run)
    return f" Its output (system_logs/slurm.txt) ends with:\n{tail}" if tail else ""


def output_tail(run: RunDirectory) -> str:
    """The last lines of what the job itself printed: batch script, Slurm, a runner's crash."""
    try:
        with open(run.slurm_log, "rb") as stream:
            stream.seek(max(0, os.path.getsize(run.slurm_log) - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:]).strip()
