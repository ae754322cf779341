"""Which Slurm job a run has: ``launch/slurm.json``, written by whoever called sbatch.

The lock file of a run names the job, by its name, from before sbatch is called until the runner on
the nodes signs there: a run whose submitter was killed in between is found again by that name.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from runyard.record import jsonl, owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory

SIGNED = "slurm_job"
"""Key of the job's name in the signature of a run that waits."""
_NAME_CHARS = 180


class Job(NamedTuple):
    """A Slurm job. ``number``: its id; ``cluster``: '' for the one that is asked by default.

    ``name``: of the job; ``submitted``: seconds since 1970; ``uid``: of who submitted it.
    """

    number: str
    cluster: str
    name: str
    submitted: float
    uid: int


def name_of(run: RunDirectory) -> str:
    """The name of a run's job: its id, with the experiment before it where that is not in it."""
    own = run.id if run.id.startswith(run.experiment) else f"{run.experiment}.{run.id}"
    return re.sub("[^A-Za-z0-9_.-]", "_", own)[-_NAME_CHARS:]


def path_of(run: RunDirectory) -> str:
    """The file that says which job a run has."""
    return os.path.join(run.launch, "slurm.json")


def which(job: Job) -> list[str]:
    """Words of scancel for a job, and for no other that has its number by now."""
    where = [f"--clusters={job.cluster}"] if job.cluster else []
    return [*where, f"--name={job.name}", job.number]


def write(run: RunDirectory, job: Job) -> None:
    """Record the job of a run. Raises OSError."""
    jsonl.write_once(path_of(run), job._asdict(), sync=False)


def read(run: RunDirectory) -> Job | None:
    """The job of a run; None when none is recorded."""
    try:
        found: dict[str, Any] = jsonl.read_json(path_of(run))
        return Job(
            str(found["number"]),
            str(found.get("cluster") or ""),
            str(found["name"]),
            float(found["submitted"]),
            int(found["uid"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def uid(run: RunDirectory) -> int:
    """Who submitted a run of which no job is recorded; -1 when that cannot be seen."""
    try:
        return os.stat(run.lock).st_uid
    except OSError:
        return -1


def signed_name(run: RunDirectory) -> str | None:
    """The job that the run waits for; None when its runner has begun, or none was submitted."""
    found = owner.signature(run.lock).get(SIGNED)
    return found if isinstance(found, str) else None
