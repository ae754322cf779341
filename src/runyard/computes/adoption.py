"""Whether another runner can go on with a run whose runner was killed, and starting it.

Law *a folder from anywhere ends nothing of ours*: what a run directory says of processes counts
only when the directory belongs to this user and the process itself shows that it is the run's.
"""

from __future__ import annotations

import os

from runyard.computes import processes, runner_process
from runyard.record import adoptions, owner, ranks, script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.record.script import Script


def adopt(run: RunDirectory, ownership: Ownership) -> str:
    """Start a runner that goes on with a run; it inherits the lock. '' when it has begun.

    Else why none can go on: a sentence, '-' where there is nothing to go on with. Raises OSError
    where it is not for this process to say: for a run of another user, or of processes that are
    not seen from here.
    """
    found = script.read(run)
    why = _obstacle(run, found)
    if not why:
        runner_process.start(run, ownership, _variables(run, found), words=["adopt"])
    return why


def _obstacle(run: RunDirectory, found: Script) -> str:
    here = owner.identity()
    if (found.witness.get("host"), found.witness.get("boot")) != (here["host"], here["boot"]):
        return "-"
    if not owner.is_own(run.path) or os.lstat(script.path_of(run)).st_uid != os.geteuid():
        raise PermissionError(
            f"run {run.id} lost its runner, and only the user whose run it is can go on with it"
        )
    if found.witness.get("space") != script.space():
        raise PermissionError(
            f"the processes of run {run.id} are in another container (namespace of pids): "
            "look at it from there"
        )
    if adoptions.count(run) >= adoptions.MOST:
        return (
            f"{adoptions.MOST} runners that went on with this run were killed as well: what was "
            "left of it was ended."
        )
    return _of_gang(run, found) if found.gang or found.in_container else _of_script(run, found)


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
    if found.in_container:
        return ""
    if found.processes is None:
        return "It was killed while it was starting the processes of the run."
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


def _variables(run: RunDirectory, found: Script) -> dict[str, str]:
    """Those of the runner that was killed, as long as its witness lives, which has them too."""
    pid = witness_of(run, found)
    inherited = {} if pid is None else processes.variables_of(pid)
    return inherited or runner_process.variables({})
