"""What a runner has started: ``launch/script.jsonl``, by which another one can go on with the run.

Its first line is there before anything is started, and before the run's lock can become free: of a
run whose lock is free, nothing was started, or there is this line. It says who writes the file,
``{"t": seconds since 1970, "host", "boot", "pid", "start", "space", "up"}`` (``owner.identity``;
``space``: the namespace of its pids; ``up``: seconds since the machine was started).

Of a run of one process that is its witness (``runner.witness``), the process between the runner and
the script, which stays when the runner is killed. Its second line says that the script was started,
``{"t", "script": pid, "started": clock ticks since boot}`` (null where it had ended by then), the
last one how it ended: ``{"t", "code": exit code, negative for a signal}``, with
``"out_of_memory": true`` where the kernel counted a kill for memory; or why it was not started:
``{"t", "error": text}``.

Of a distributed run it is the runner. The first line has ``"gang": {"size": processes of the run,
"serving": [ranks that wait for ever], "starter": whether one program starts them all, "log"}`` as
well, the second ``"processes": [[pid, start], ...]`` of what the runner has started, ``"each"``,
whether these are the run's processes, their ``"log"``, and ``"oom_kills"``, how often the kernel
had killed for memory in their control groups. How these ended is in ``ranks/``. In containers, the
first line has ``"container": true``, and the second says that all were started; ``container.json``
says of which. Before one that has ended is removed, the runner notes what only
the engine knew: ``{"t": when it ended, "container": name, "code"}``, with ``"out_of_memory"``, and
``"reason"`` and ``"error"`` where the script was not started, or lost.
"""

import os
import stat
import time

from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class Script:
    """What is known of the script.

    ``witness``: the first line, {} when nobody has started anything; ``pid`` and ``started`` (clock
    ticks since boot) of the script, None when it is not known to have started; ``begun``: when that
    was noted, seconds since 1970, None where it was not; ``code`` as of ``Popen.returncode``, None
    while it runs or when it was not recorded, ``ended`` when that was; ``error``: why it could not
    be started, '' when it could. Of a distributed run, or one in containers, ``processes``: [pid,
    clock ticks] of what the runner started, None when it was killed before it could say so;
    ``each`` and ``log`` of these; ``oom_kills``: kills for memory before them, by files of control
    groups. ``containers``: the lines of those that have ended, by name.
    """

    def __init__(self, lines: "List[Dict[str, Any]]") -> None:
        self._begin({})
        for line in lines:
            self._apply(line)

    def _begin(self, witness: "Dict[str, Any]") -> None:
        self.witness = witness
        self.pid: "Optional[int]" = None
        self.started: "Optional[int]" = None
        self.begun: "Optional[float]" = None
        self.code: "Optional[int]" = None
        self.ended: "Optional[float]" = None
        self.out_of_memory = False
        self.error = ""
        self.processes: "Optional[List[List[int]]]" = None
        self.each = False
        self.oom_kills: "Dict[str, int]" = {}
        self.log = ""
        self.containers: "Dict[str, Dict[str, Any]]" = {}

    def _apply(self, line: "Dict[str, Any]") -> None:
        if "boot" in line:
            self._begin(line)
            self.begun = jsonl.moment(line) if line.get("container") else None
        if isinstance(line.get("container"), str):
            if _is_number(line.get("code")):
                self.containers[line["container"]] = line
            return
        if _is_number(line.get("script")):
            self.begun = jsonl.moment(line)
            if _is_number(line.get("started")):  # null: it had ended before that could be read
                self.pid, self.started = line["script"], line["started"]
        if _is_number(line.get("code")):
            self.code, self.out_of_memory = line["code"], bool(line.get("out_of_memory"))
            self.ended = jsonl.moment(line)
        if "error" in line:
            self.error = str(line["error"])
        started = line.get("processes")
        if isinstance(started, list) and all(map(_is_process, started)):
            self.processes = [[pid, start or 0] for pid, start in started]
            self.each, self.log = bool(line.get("each")), str(line.get("log"))
            self.begun = jsonl.moment(line)
            self.oom_kills = _counts(line.get("oom_kills"))

    @property
    def gang(self) -> "Optional[Dict[str, Any]]":
        """Of a distributed run, its ``size`` and the ranks that are ``serving``."""
        found = self.witness.get("gang")
        return found if isinstance(found, dict) else None

    @property
    def in_container(self) -> bool:
        """Whether a container engine has started it."""
        return bool(self.witness.get("container"))

    def is_of_this_boot(self) -> bool:
        """Whether the machine was not restarted since: only then pids and ticks mean something."""
        return bool(self.witness.get("boot") == owner.identity()["boot"])

    def age_s(self) -> float:
        """For how long it runs, by no clock that anybody sets."""
        if not self.is_of_this_boot():
            return 0.0
        up = self.witness.get("up")
        now = _up_s()
        return now - up if isinstance(up, (int, float)) and 0 <= up <= now else 0.0

    def is_alive(self) -> bool:
        """Whether the script itself, on this machine, still runs."""
        return (
            self.is_of_this_boot()
            and self.pid is not None
            and owner.start_ticks(self.pid) == self.started
        )


def _counts(value: "Any") -> "Dict[str, int]":
    """What was counted in files of control groups; nothing of any other file is looked at."""
    found = value.items() if isinstance(value, dict) else ()
    return {
        path: count
        for path, count in found
        if path.startswith("/sys/fs/cgroup/") and ".." not in path and _is_number(count)
    }


def _is_number(value: "Any") -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_process(value: "Any") -> bool:
    """``[pid, clock ticks]``; null ticks of one that was gone at once."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    return _is_number(value[0]) and (value[1] is None or _is_number(value[1]))


def path_of(run: RunDirectory) -> str:
    """The file."""
    return os.path.join(run.launch, "script.jsonl")


def read(run: RunDirectory) -> Script:
    """What is known of the script of a run; nothing where it was never started.

    Nor where something else lies in place of the file: the folder may be anybody's.
    """
    path = path_of(run)
    try:
        regular = stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        regular = False
    return Script(jsonl.read(path) if regular else [])


def begin(run: RunDirectory, **what: "Any") -> jsonl.Appender:
    """Write the first line; the file, for those that follow. Raises OSError."""
    os.makedirs(run.launch, exist_ok=True)
    record = jsonl.Appender(path_of(run))
    now = {"t": time.time(), "space": space(), "up": _up_s()}
    record.append(dict(now, **dict(owner.identity(), **what)))
    return record


def note_processes(
    record: jsonl.Appender,
    pids: "List[int]",
    each: bool = False,
    log: str = "",
    oom_kills: "Optional[Dict[str, int]]" = None,
) -> None:
    """Write that these are started, which is all; nothing more is written. Raises OSError."""
    found = [[pid, owner.start_ticks(pid)] for pid in pids]
    line = {"t": time.time(), "processes": found, "each": each, "log": log}
    record.append(dict(line, oom_kills=oom_kills) if oom_kills else line)
    record.close()


def note_container(run: RunDirectory, name: str, ended: "Optional[float]", **how: "Any") -> None:
    """Note how a container ended, and when (seconds since 1970; None: now). Raises OSError."""
    record = jsonl.Appender(path_of(run))
    record.append(dict(how, t=time.time() if ended is None else ended, container=name))
    record.close()


def _up_s() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def space() -> str:
    """The namespace in which this process's pids mean something; '' where that is not told."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
