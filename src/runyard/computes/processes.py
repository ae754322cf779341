"""Processes of this machine through /proc: who descends from whom, who belongs to a run.

The runner imports this beside a running script and has 20 MB in all, so /proc is read directly:
psutil would add 4 MB and 20 ms to every run.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def descendants(root: int) -> list[int]:
    """Pids of all living processes below ``root``, zombies left out, parents before children."""
    children: dict[int, list[int]] = {}
    zombies = set()
    for pid in _pids():
        stat = _stat(pid)
        if stat is None:
            continue
        state, parent = stat
        children.setdefault(parent, []).append(pid)
        if state == b"Z":
            zombies.add(pid)
    found = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.extend(below)
        waiting.extend(below)
    return [pid for pid in found if pid not in zombies]


RUN_VARIABLE = b"RUNYARD_RUN_DIRECTORY="
"""Marks every process of a run, also those that left its session or process group."""


def of_run(run_path: str) -> list[int]:
    """Pids of the processes that were started as part of a run, this one left out."""
    mark = RUN_VARIABLE + os.fsencode(run_path)
    return [pid for pid in _pids() if pid != os.getpid() and mark in _environment(pid)]


def descendants_of_run(root: int, run_path: str) -> list[int]:
    """Descendants of ``root`` that do not belong to another run.

    A script may submit runs of its own; their runners descend from it and yet live on.
    """
    mark = RUN_VARIABLE + os.fsencode(run_path)
    return [pid for pid in descendants(root) if not _marked_otherwise(pid, mark)]


def _marked_otherwise(pid: int, mark: bytes) -> bool:
    marks = [line for line in _environment(pid) if line.startswith(RUN_VARIABLE)]
    return bool(marks) and mark not in marks


def end(
    find: Callable[[], Iterable[int]],
    grace_s: float,
    *,
    reap: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """End all processes that ``find`` returns: TERM, ``grace_s`` seconds, then KILL.

    ``find`` is asked again each time, since processes start others while they are being ended;
    ``reap`` collects zombies. Returns how many had to be killed. A process in uninterruptible
    sleep is given up after ten more seconds.
    """
    told: set[int] = set()
    killed: set[int] = set()
    kill_at = clock() + grace_s
    while True:
        reap()
        alive = set(find())
        now = clock()
        if not alive or now > kill_at + 10:
            return len(killed)
        if now >= kill_at:
            _signal(alive, signal.SIGKILL)
            killed |= alive
        else:
            _signal(alive - told, signal.SIGTERM)
            told |= alive
        sleep(0.02)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> tuple[bytes, int] | None:
    """State letter and parent of a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return []
