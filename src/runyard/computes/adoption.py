"""Whether another runner can go on with a run whose runner was killed, and starting it.

Law *a folder from anywhere ends nothing of ours*: what a run directory says of processes counts
only when the directory belongs to this user and the process itself shows that it is the run's.
"""

from __future__ import annotations

import os

from runyard.computes import half_started, processes, restarting, runner_process
from runyard.record import adoptions, cause, events, jsonl, owner, ranks, script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.record.script import Script


GO_ON = "adopt"
AGAIN = "again"
"""What a runner is told that takes over: to go on with what runs, or to start the run."""


def adopt(run: RunDirectory, ownership: Ownership) -> str:
    """Start a runner that takes over a run; it inherits the lock. '' when it has begun.

    Else why none can: a sentence, '-' where there is nothing to say. Raises OSError where it is not
    for this process to say: for a run of another user, or processes that are not seen from here.
    """
    found = script.read(run)
    if not _is_of_here(run, found):
        return "-"
    if not owner.is_own(run.path) or not _is_own_file(script.path_of(run)):
        raise PermissionError(
            f"run {run.id} lost its runner, and only the user whose run it is can go on with it"
        )
    if adoptions.count(run) >= adoptions.MOST + max_restarts(run):
        return (
            f"{adoptions.count(run)} runners that went on with this run were killed as well: what "
            "was left of it was ended."
        )
    why = obstacle(run, found)
    if not why:
        runner_process.start(run, ownership, _variables(run, found), words=[GO_ON])
        return ""
    return _again(run, found, ownership, why)


def _is_of_here(run: RunDirectory, found: Script) -> bool:
    """Whether the run was given to this machine."""
    host = (found.witness or owner.signature(run.lock)).get("host")
    return host is not None and host == os.uname()[1]


def _is_own_file(path: str) -> bool:
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except FileNotFoundError:
        return True


def obstacle(run: RunDirectory, found: Script) -> str:
    """Why nobody on this machine can go on with what runs; '' where one can.

    Raises PermissionError for processes that are not seen from here.
    """
    if not found.witness:
        return "-"
    if not found.is_of_this_boot():
        return "" if has_recorded_its_end(run, found) else "-"
    if found.witness.get("space") != script.space():
        raise PermissionError(
            f"the processes of run {run.id} are in another container (namespace of pids): "
            "look at it from there"
        )
    return _of_gang(run, found) if found.gang or found.in_container else _of_script(run, found)


def _again(run: RunDirectory, found: Script, ownership: Ownership, why: str) -> str:
    """Start the run once more, if its script has not begun or it may be; '' or why not."""
    if events.cancel_requested(run) or cause.read(run)[0]:
        return why
    if not _has_not_begun(run, found):
        most = max_restarts(run)
        if not most:
            return why
        if adoptions.restarts(run) >= most:
            return f"{why} It was started again {most} times (max_restarts={most}).".lstrip("- ")
    order = restarting.recall(run)
    if order is None:
        return f"{why} {_NOT_KEPT}".lstrip("- ")
    variables = order.variables
    if variables is None:
        if order.secrets:
            return f"{why} {_forgotten(run)}".lstrip("- ")
        variables = {**runner_process.plain_variables(), **order.places}
    runner_process.start(run, ownership, variables, words=[AGAIN])
    return ""


def max_restarts(run: RunDirectory) -> int:
    """How often the run, once it is lost, may be started again."""
    return int((jsonl.read_json(run.run_json).get("spec") or {}).get("max_restarts") or 0)


_NOT_KEPT = "It was not started again: what that takes was not kept for this user on this machine."


def _forgotten(run: RunDirectory) -> str:
    return (
        "It was not started again: the values of its secret variables were kept in memory only; "
        f"submit it again: runyard rerun {run.id}"
    )


def _has_not_begun(run: RunDirectory, found: Script) -> bool:
    """Whether a runner of this boot had begun, and nothing of the script.

    What it was starting is ended then. A version of runyard that left no record said that the run
    is Running.
    """
    last = owner.signature(run.lock)
    if "ticket" in last or last.get("boot") != owner.identity()["boot"]:
        return False
    if found.witness:
        return bool(found.gang or found.in_container) and half_started.is_undone(run, found)
    said = [event.get("status") for event in events.read_state(run).events]
    return "Running" not in said and not os.path.exists(run.container_json)


def has_recorded_its_end(run: RunDirectory, found: Script) -> bool:
    """Whether it can be judged without a look at processes: of a machine that has restarted since,
    or of another one."""
    if found.in_container:
        return False
    if found.gang is None:
        return found.code is not None
    serving = set(found.gang.get("serving") or ())
    codes = {rank.number: rank.code for rank in ranks.read(run)}
    judged = set(range(int(found.gang["size"]))) - serving
    return all(codes.get(number) is not None for number in judged)


def _of_script(run: RunDirectory, found: Script) -> str:
    if found.code is None and not found.error and not runs(run, found):
        # It may have ended, and that been recorded, between the first look and the second.
        found = script.read(run)
    else:
        return ""
    if found.code is None and not found.error:
        return "The exit code of the script was not recorded: its witness was killed as well."
    return ""


def _of_gang(run: RunDirectory, found: Script) -> str:
    """The engine knows of containers, and the ranks have recorded what they could."""
    if found.processes is None:
        return half_started.complete(run, found)
    if found.in_container:
        return ""
    lives = any(owner.start_ticks(pid) == start for pid, start in found.processes)
    if not lives and all(rank.code is None for rank in ranks.read(run)):
        return "No process of the run has recorded its exit code: they were killed as well."
    return ""


def runs(run: RunDirectory, found: Script) -> bool:
    """Whether anything of the script still runs."""
    return witness_of(run, found) is not None or (
        found.is_alive() and found.pid in processes.of_run(run.path)
    )


def witness_of(run: RunDirectory, found: Script) -> int | None:
    """The witness, while it lives: who holds the file open that only it writes to."""
    pid = found.witness.get("pid")
    if not isinstance(pid, int) or not owner.is_alive(found.witness):
        return None
    return pid if _has_open(pid, script.path_of(run)) else None


def _has_open(pid: int, path: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        wanted = os.stat(path)
        return any(
            os.path.samestat(os.stat(os.path.join(folder, fd)), wanted) for fd in os.listdir(folder)
        )
    except OSError:
        return False


def knows_variables(run: RunDirectory, found: Script) -> bool:
    """Whether those of the submitter are known: else they are those of who looks at the run."""
    return bool(_submitters(run, found))


def _submitters(run: RunDirectory, found: Script) -> dict[str, str]:
    """Those of the runner that was killed: its witness has them too, or they were kept."""
    pid = witness_of(run, found)
    inherited = {} if pid is None else processes.variables_of(pid)
    if inherited:
        return inherited
    order = restarting.recall(run)
    return {} if order is None else dict(order.variables or {})


def _variables(run: RunDirectory, found: Script) -> dict[str, str]:
    return _submitters(run, found) or runner_process.variables({})
