"""Processes of this machine through /proc: who descends from whom, who belongs to a run.

The runner imports this beside a running script and has 20 MB in all, so /proc is read directly:
psutil would add 4 MB and 20 ms to every run.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable
else:
    import _signal as signal  # what signal is made of, without enum


def descendants(root: int, leave_out: Callable[[int], bool] = lambda _: False) -> list[int]:
    """Pids of all living processes below ``root``, zombies left out, parents before children.

    ``leave_out`` is asked about each; where it says True, all below that process is left out too.
    """
    children: dict[int, list[int]] = {}
    zombies = set()
    for pid in _pids():
        stat = _stat(pid)
        if stat is None:
            continue
        children.setdefault(stat.parent, []).append(pid)
        if stat.state == b"Z":
            zombies.add(pid)
    found = []
    waiting = [root]
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), []) if not leave_out(pid)]
        found.extend(below)
        waiting.extend(below)
    return [pid for pid in found if pid not in zombies]


RUN_VARIABLE = b"RUNYARD_RUN_DIRECTORY="
"""Marks every process of a run, also those that left its session or process group."""


def of_run(run_path: str) -> list[int]:
    """Pids of the processes that were started as part of a run, this one left out.

    Known by their variable, or, when they have cleared their environment, by the log of the run
    that their output goes to. The path may be another one to the same folder than at the start.
    """
    place = os.path.realpath(os.fsencode(run_path))
    until = time.monotonic() + _EXECVE_S
    return [pid for pid in _pids() if pid != os.getpid() and _is_of(pid, place, until)]


def of_run_here(run_path: str) -> list[int]:
    """Those of ``of_run`` that are on the node of this process.

    Of several nodes that are rehearsed on one machine each has a host name of its own.
    """
    here = _link(os.getpid(), b"ns/uts")
    return [pid for pid in of_run(run_path) if _link(pid, b"ns/uts") == here]


def _is_of(pid: int, place: bytes, until: float) -> bool:
    marks = _marks(pid, until)
    if any(os.path.realpath(mark) == place for mark in marks):
        return True
    if any(os.path.lexists(mark) for mark in marks):
        return False
    # Of no run, or of one whose folder was moved meanwhile: then its current folder tells as well.
    if marks and _link(pid, b"cwd").startswith(place + b"/"):
        return True
    return any(_link(pid, fd).startswith(place + b"/user_logs/") for fd in (b"fd/1", b"fd/2"))


def _link(pid: int, name: bytes) -> bytes:
    try:
        return os.readlink(b"/proc/%d/%b" % (pid, name))
    except OSError:
        return b""


def parent_of(pid: int) -> int | None:
    """The pid of a process's parent; None when it is gone."""
    stat = _stat(pid)
    return None if stat is None else stat.parent


def is_stopped(pid: int) -> bool:
    """Whether a process does nothing until it is told to go on: SIGSTOP, or a debugger."""
    stat = _stat(pid)
    return stat is not None and stat.state in (b"T", b"t")


def has_children() -> bool:
    """Whether this process has any, zombies included; asks the kernel, which takes 2 µs.

    Of a subreaper: whether anything at all is left below it.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descendants_of_run(root: int, run_path: str) -> list[int]:
    """Descendants of ``root`` that do not belong to another run.

    A script may submit runs of its own; their runners descend from it and yet live on, with all
    that is below them.
    """
    own = _marks_of_own(run_path)
    return descendants(root, lambda pid: _marks(pid) not in own)


def children_of_run(parent: int, run_path: str) -> list[int]:
    """Children of a process, zombies included, that do not belong to another run.

    Quick, and of a subreaper empty only when nothing at all is left below it: a look through
    /proc can miss a process that forks and exits all the time.
    """
    own = _marks_of_own(run_path)
    return [pid for pid in _children(parent) if _marks(pid) in own]


def _marks_of_own(run_path: str) -> list[list[bytes]]:
    """How processes of a run are marked: not, with its folder, or where that was at the start."""
    return [[], [os.fsencode(run_path)], _marks(os.getpid())]


def _children(parent: int) -> list[int]:
    try:
        with open(f"/proc/{parent}/task/{parent}/children", "rb") as stream:
            return [int(pid) for pid in stream.read().split()]
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return [pid for pid in _pids() if (stat := _stat(pid)) and stat.parent == parent]


def variables_of(pid: int) -> dict[str, str]:
    """The variables that a process of this user was started with; {} where they are not told."""
    lines = (os.fsdecode(line).partition("=") for line in _environment(pid))
    return {name: value for name, equals, value in lines if name and equals}


def _marks(pid: int, until: float | None = None) -> list[bytes]:
    """The run directories that a process has in its environment: one or none."""
    lines = _environment(pid, until)
    return [line[len(RUN_VARIABLE) :] for line in lines if line.startswith(RUN_VARIABLE)]


def end(
    find: Callable[[], Iterable[int]],
    grace_s: float,
    *,
    near: Callable[[], Iterable[int]] = lambda: (),
    reap: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """End all processes that ``find`` returns: TERM, ``grace_s`` seconds, then KILL.

    ``find`` is asked again each time, since processes start others while they are being ended;
    ``near`` is a quicker way to those that run away from it; ``reap`` collects zombies. Returns
    how many had to be killed. A process in uninterruptible sleep is given up after ten more
    seconds.
    """
    told: set[int] = set()
    killed: set[int] = set()
    kill_at = clock() + grace_s
    while True:
        reap()
        alive = set(find()) or set(near())
        now = clock()
        if not alive or now > kill_at + 10:
            return len(killed)
        if now >= kill_at:
            _kill(alive)
            killed |= alive
            for _ in range(_QUICK_LOOKS):
                _kill(set(near()))
        else:
            tell(alive - told)
            told |= alive
        sleep(0.02)


def tell(pids: set[int]) -> None:
    """TERM, which a process may heed."""
    _signal(pids, signal.SIGTERM)
    _signal(pids, signal.SIGCONT)  # one that is stopped would not hear it


_QUICK_LOOKS = 100
"""How often at a time the nearest processes are killed; one look and kill takes 50 µs."""


def _kill(pids: set[int]) -> None:
    """Kill processes and their groups: of a group, none can fork away from the signal.

    Groups are never shared between runs, since every run has a session of its own.
    """
    groups = {stat.group for pid in pids if (stat := _stat(pid))} - {os.getpgrp(), 0}
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    _signal(pids, signal.SIGKILL)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


class _Stat:
    """State letter, parent and process group of a process, and where its variables end."""

    __slots__ = ("end_of_variables", "group", "parent", "state")

    def __init__(self, fields: list[bytes]) -> None:
        self.state = fields[0]
        self.parent = int(fields[1])
        self.group = int(fields[2])
        # An address, 0 during execve; before Linux 3.5 it is not told.
        self.end_of_variables = int(fields[48]) if len(fields) > 48 else -1


def _stat(pid: int) -> _Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return _Stat(fields)


_EXECVE_S = 1.0
"""How long a process is waited for whose ``execve`` has not yet told its variables.

That takes microseconds, and on a crowded machine the turns of some other processes.
"""


def _environment(pid: int, until: float | None = None) -> list[bytes]:
    """The variables of a process; of one in its ``execve``, when that is done.

    ``until``: waited for no longer than to this moment of the monotonic clock.
    """
    found = _read_environment(pid)
    # Threads of the kernel, zombies and processes of others show no program.
    if not found and _link(pid, b"exe"):
        until = time.monotonic() + _EXECVE_S if until is None else until
        while _is_in_execve(pid) and time.monotonic() < until:
            time.sleep(0.001)
        found = _read_environment(pid)
    return found.split(b"\0")


def _read_environment(pid: int) -> bytes:
    """Empty as well where it may not be read, and in an ``execve``."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _is_in_execve(pid: int) -> bool:
    """Whether a process has its program already, and no place yet where its variables are.

    One that was started without any, or has cleared them, has that place.
    """
    stat = _stat(pid)
    return stat is not None and stat.end_of_variables == 0
