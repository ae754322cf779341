"""Taking over a run that waited in the queue of a cluster: ``RUN_DIRECTORY take``.

Law *none starts twice*: a runner signs the lock with its job, and how often that was queued again.
Where the lock shows another start that was not followed by that, ``retaking`` says what is left.
"""

from __future__ import annotations

import os
import time

from runyard.record import owner
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
else:
    import _signal as signal  # what signal is made of, without enum

PATIENCE_S = 60.0
"""For who submitted the run to let go of it, and for a reader that looks at its lock."""
_RUNS_ALREADY_S = 2.0
"""The same where another start of the run has it: for one that is just ending."""
_PAUSE_S = 0.02
_SHOWN_S = 5.0


def identity() -> dict[str, Any]:
    """Who the runner of a job is."""
    job = os.environ.get("SLURM_JOB_ID")
    return {**owner.identity(), **({"job": job, "restart": _restarts()} if job else {})}


def _restarts() -> int:
    """How often Slurm has queued this job again."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0)


def words_of(run: RunDirectory, words: list[str]) -> list[str]:
    """How this runner is to begin, by whose lock it has taken. Before it signs there itself."""
    last = owner.signature(run.lock)
    if words != ["take"] or not _is_another_start(last):
        return words
    if last.get("job") == os.environ.get("SLURM_JOB_ID") and _was_given_back(run):
        return words
    from runyard.runner import retaking

    return [*words, retaking.word(run)]


def _is_another_start(last: dict[str, Any]) -> bool:
    """Whether a runner had begun that Slurm has not queued again for this one.

    It was killed in this job, or the run has two: submitted by hand, or by a controller that has
    forgotten what it had started.
    """
    if "restart" not in last:
        return False
    return last.get("job") != os.environ.get("SLURM_JOB_ID") or last["restart"] >= _restarts()


def _was_given_back(run: RunDirectory) -> bool:
    """Whether its last runner, of the same job, has said that it waits again.

    A slurmctld that was killed queues again what it had not kept as begun, and counts that not.
    """
    from runyard.record import events
    from runyard.record.states import Status

    said_before = [event.get("status") for event in events.read_state(run).events]
    return said_before[-1:] == [Status.QUEUED.value] and Status.RUNNING.value in said_before


def take(run: RunDirectory) -> Ownership | None:
    """Become the runner of a run that waits; None when there is nothing to run any more.

    From then on what the runner prints is in its own log, and no more in that of the job.
    """
    _hear_again()
    ownership = _wait_for(run)
    if ownership is None:
        said.say(f"runyard: {_who_runs(run)}; this start of it does nothing")
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
    if _is_anothers(run):
        said.say(f"runyard: {_who_runs(run)}, which has not ended; this start of it does nothing")
        ownership.release()
        return None
    _note_job(run)
    to_own_log(run)
    return ownership


def _hear_again() -> None:
    """The batch script has started this in the background, where shells ignore these signals."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def _is_anothers(run: RunDirectory) -> bool:
    """Whether another job has begun the run, and will go on with it: its runner is just dead."""
    last = owner.signature(run.lock)
    if not _is_another_start(last) or last["job"] == os.environ.get("SLURM_JOB_ID"):
        return False
    from runyard.computes.slurm import interrupted

    return interrupted.may_live(str(last["job"]))


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
    begun = time.monotonic()
    while True:
        ownership = owner.take(run.lock)
        if ownership is not None:
            return ownership
        runs = _is_another_start(owner.signature(run.lock))
        if time.monotonic() >= begun + (_RUNS_ALREADY_S if runs else PATIENCE_S):
            return None
        time.sleep(_PAUSE_S)


def _who_runs(run: RunDirectory) -> str:
    last = owner.signature(run.lock)
    job = f"Slurm job {last['job']}, " if "job" in last else ""
    return f"run {run.id} has another runner: {job}process {last.get('pid')} on {last.get('host')}"


def to_own_log(run: RunDirectory) -> None:
    """Have what this process prints go to the log of the run's runner."""
    log = os.open(run.runner_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def let_go(run: RunDirectory) -> None:
    """The environment of a run that has ended need not be kept for it any more."""
    from runyard.environments import waiting
    from runyard.record import jsonl

    try:
        key = str(jsonl.read_json(run.run_json)["spec"]["environment"]["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if key:
        waiting.forget(key, run)


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
