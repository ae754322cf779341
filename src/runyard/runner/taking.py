"""Taking over a run that waited in the queue of a cluster: ``RUN_DIRECTORY take``."""

from __future__ import annotations

import os
import time

from runyard.record import owner
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End

PATIENCE_S = 60.0
"""For who submitted the run to let go of it, and for a reader that looks at its lock."""
_PAUSE_S = 0.02
_SHOWN_S = 5.0


def identity() -> dict[str, Any]:
    """Who the runner of a job is."""
    job = os.environ.get("SLURM_JOB_ID")
    return {**owner.identity(), **({"job": job} if job else {})}


def take(run: RunDirectory) -> Ownership | None:
    """Become the runner of a run that waits; None when there is nothing to run any more.

    From then on what the runner prints is in its own log, and no more in that of the job.
    """
    ownership = _wait_for(run)
    if ownership is None:
        said.say(f"runyard: somebody else runs {run.id}: its lock was held for {PATIENCE_S:.0f} s")
        return None
    if not _is_there(run):
        said.say(f"runyard: {run.id} was never submitted whole: there is nothing to run")
        ownership.release()
        return None
    from runyard.record import events

    if events.read_state(run).status.ended:
        said.say(f"runyard: {run.id} has ended already")
        ownership.release()
        return None
    _note_job(run)
    to_own_log(run)
    return ownership


def _is_there(run: RunDirectory) -> bool:
    """Whether it has its run.json, which is written while sbatch works, by who has the lock.

    Where that was killed there is none. Waited for all the same: a file server may show it late.
    """
    deadline = time.monotonic() + _SHOWN_S
    while not os.path.exists(run.run_json):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _note_job(run: RunDirectory) -> None:
    """Who submitted the run may have been killed before it could write which job it has."""
    number = os.environ.get("SLURM_JOB_ID", "")
    if not number or os.path.exists(os.path.join(run.launch, "slurm.json")):
        return
    from runyard.computes.slurm import jobs

    name = os.environ.get("SLURM_JOB_NAME", "")
    try:
        jobs.write(run, jobs.Job(number, "", name, 0.0, os.getuid()))
    except OSError as error:  # a full disk: the run goes on
        said.say(f"which job the run has was not written: {error}")


def _wait_for(run: RunDirectory) -> Ownership | None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        ownership = owner.take(run.lock)
        if ownership is not None or time.monotonic() >= deadline:
            return ownership
        time.sleep(_PAUSE_S)


def to_own_log(run: RunDirectory) -> None:
    """Have what this process prints go to the log of the run's runner."""
    log = os.open(run.runner_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def without_environment(spec: dict[str, Any]) -> End:
    """The end of a run whose environment was built where it was submitted, and is not seen here."""
    from runyard.environments import cache
    from runyard.record.states import Reason
    from runyard.runner.ending import End

    wanted = spec["environment"]
    host = os.uname().nodename
    if wanted["kind"] == "user_managed":
        place, what = wanted["interpreter"], "the interpreter"
    else:
        place, what = cache.prefix(wanted["key"]), f"the environment {wanted['name']!r}"
    message = f"{what} of the run ({place}) is not seen on node {host}"
    hint = (
        "Put it on a file system that all nodes see; for environments: set RUNYARD_CACHE_DIR to a "
        "folder there where you submit"
    )
    return End(Reason.LAUNCH_FAILED, {"message": message, "hint": hint})


def hand_over(run: RunDirectory, spec: dict[str, Any], ownership: Ownership) -> None:
    """Give a run that is prepared to the queue of its target, which releases the lock."""
    from runyard.history.targets import load_target

    load_target(spec["target"], run.workspace).enqueue(run, ownership)  # type: ignore[attr-defined]
