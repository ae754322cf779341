"""The script of a run of one process: ``launch/script.jsonl``, written by its witness.

A witness (``runner.witness``) is the process between the runner and the script, which stays when
the runner is killed. Its first line says who it is, ``{"t": seconds since 1970, "host", "boot",
"pid", "start", "space"}`` (``record.owner.identity``; ``space``: its namespace of pids), and is
there before the script is started and before the witness gives up the run's lock. So of a run
whose lock is free, the script was never started, or there is this line. The second one says that
the script was started, ``{"t", "script": pid, "started": clock ticks since boot}``, the last one
how it ended: ``{"t", "code": exit code, negative for a signal}``, with ``"out_of_memory": true``
where the kernel counted a kill for memory; or why it was not started: ``{"t", "error": text}``.
"""

import os
import stat

from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class Script:
    """What is known of the script.

    ``witness``: who has started it, {} when nobody has; ``pid`` and ``started`` (clock ticks since
    boot) of the script, None when it is not known to have started; ``code`` as of
    ``Popen.returncode``, None while it runs or when it was not recorded; ``error``: why it could
    not be started, '' when it could.
    """

    def __init__(self, lines: "List[Dict[str, Any]]") -> None:
        self._begin({})
        for line in lines:
            self._apply(line)

    def _begin(self, witness: "Dict[str, Any]") -> None:
        self.witness = witness
        self.pid: "Optional[int]" = None
        self.started: "Optional[int]" = None
        self.code: "Optional[int]" = None
        self.out_of_memory = False
        self.error = ""

    def _apply(self, line: "Dict[str, Any]") -> None:
        if "boot" in line:
            self._begin(line)
        if _is_number(line.get("script")) and _is_number(line.get("started")):
            self.pid, self.started = line["script"], line["started"]
        if _is_number(line.get("code")):
            self.code, self.out_of_memory = line["code"], bool(line.get("out_of_memory"))
        if "error" in line:
            self.error = str(line["error"])

    def is_alive(self) -> bool:
        """Whether the script itself, on this machine, still runs."""
        return self.pid is not None and owner.start_ticks(self.pid) == self.started


def _is_number(value: "Any") -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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


def space() -> str:
    """The namespace in which this process's pids mean something; '' where that is not told."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
