"""Whether the kernel killed for want of memory."""

from __future__ import annotations


def oom_kills() -> int:
    """Processes killed for memory so far: on this machine, its memory cgroups included."""
    for line in _lines("/proc/vmstat"):
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return _of_own_cgroup()


def _of_own_cgroup() -> int:
    """Inside containers without /proc/vmstat counters: the cgroup's own count, version 2 or 1."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
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
