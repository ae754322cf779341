"""Whether the kernel killed a process for want of memory."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WINDOW_S = 10.0
"""How long a process with much memory may take to be gone after the kernel killed it."""


class OomWatch:
    """Watches the count of kills in the memory cgroups a process was seen in.

    Where there is none (the root of version 2), the machine's own count in its last seconds has
    to do, which another process may have raised.
    """

    def __init__(
        self,
        pid: int,
        clock: Callable[[], float] = time.monotonic,
        before: Mapping[str, int] | None = None,
    ) -> None:
        """``before``: what another watch of the process has counted, when it began."""
        self._pid = pid
        self._clock = clock
        self._cgroups: dict[str, int] = dict(before or {})
        self._machine = [(clock(), _of_machine())]
        self.look()

    def look(self) -> None:
        """Note where the process is; to be called now and then while it lives."""
        path = _events_file(self._pid)
        if path is not None and path not in self._cgroups:
            self._cgroups[path] = _count(path)
        now = self._clock()
        if now - self._machine[-1][0] >= _WINDOW_S:
            self._machine = [self._machine[-1], (now, _of_machine())]

    @property
    def counts(self) -> dict[str, int]:
        """The files of the cgroups it was seen in, and what was counted there at first."""
        return dict(self._cgroups)

    def struck(self) -> bool:
        """Whether there was a kill since the first look."""
        if self._cgroups:
            return any(_count(path) > before for path, before in self._cgroups.items())
        return _of_machine() > self._machine[0][1]


def _events_file(pid: int) -> str | None:
    """The file with the counts of a process's memory cgroup, of version 1 or 2."""
    for line in _lines(f"/proc/{pid}/cgroup"):
        _, controllers, group = line.split(":", 2)
        folder = group.rstrip("/")
        if controllers == "memory":
            return _existing(f"/sys/fs/cgroup/memory{folder}/memory.oom_control")
        if controllers == "" and _existing("/sys/fs/cgroup/cgroup.controllers"):
            return _existing(f"/sys/fs/cgroup{folder}/memory.events")
    return None


def _existing(path: str) -> str | None:
    return path if _lines(path) else None


def _of_machine() -> int:
    return _count("/proc/vmstat")


def _count(path: str) -> int:
    for line in _lines(path):
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return 0


def _lines(path: str) -> list[str]:
    try:
        with open(path) as stream:
            return stream.read().splitlines()
    except OSError:
        return []
