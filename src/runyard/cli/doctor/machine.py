"""The doctor on memory, disks and the kernel."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator

from runyard.cli import formats, opening
from runyard.cli.doctor.finding import Finding, error, ok, warning
from runyard.environments import cache
from runyard.errors import RunyardError

_LITTLE_DISK_BYTES = 2_000_000_000
_NO_DISK_BYTES = 100_000_000
_LITTLE_MEMORY_BYTES = 1_000_000_000
_LITTLE_SHARED_BYTES = 256_000_000
_CGROUPS = "/sys/fs/cgroup"


def disk() -> Iterator[Finding]:
    """Room where environments and where runs are kept."""
    yield _disk("disk: cache", cache.cache_dir())
    try:
        yield _disk("disk: runs", opening.planned().directory.path)
    except RunyardError:
        return  # the check of the workspace says what is the matter


def _disk(name: str, folder: str) -> Finding:
    place = folder
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    usage = shutil.disk_usage(place)
    text = f"{formats.size(usage.free)} free of {formats.size(usage.total)}"
    if usage.free < _NO_DISK_BYTES:
        return error(name, text, f"make room on the disk of {place}")
    if usage.free < _LITTLE_DISK_BYTES:
        return warning(name, text, f"an environment may take more: make room on {place}")
    return ok(name, text)


def memory() -> Iterator[Finding]:
    """Memory that is left, and the limit this process stands under."""
    available, total = _meminfo("MemAvailable"), _meminfo("MemTotal")
    if available is None or total is None:
        return
    limit = _memory_limit()
    text = f"{formats.size(available)} available of {formats.size(total)}"
    if limit is not None and limit < total:
        text += f", limited to {formats.size(limit)} by the control group"
    if available < _LITTLE_MEMORY_BYTES:
        yield warning("memory", text, "runs may be ended for lack of memory")
    else:
        yield ok("memory", text)


def _meminfo(name: str) -> int | None:
    try:
        with open("/proc/meminfo") as stream:
            lines = dict(line.split(":", 1) for line in stream)
        return int(lines[name].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _memory_limit() -> int | None:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            with open(os.path.join(_CGROUPS, name)) as stream:
                return int(stream.read())
        except (OSError, ValueError):  # 'max' is no number: no limit
            continue
    return None


def shared_memory() -> Iterator[Finding]:
    """/dev/shm: data loaders with worker processes die of SIGBUS when it is full."""
    try:
        usage = shutil.disk_usage("/dev/shm")
    except OSError:
        yield warning("/dev/shm", "not there", "data loaders with worker processes may fail")
        return
    text = f"{formats.size(usage.free)} free of {formats.size(usage.total)}"
    if usage.total < _LITTLE_SHARED_BYTES:
        advice = "data loaders with worker processes may die of SIGBUS; start the container with "
        yield warning("/dev/shm", text, advice + "--shm-size=2g")
    else:
        yield ok("/dev/shm", text)


def kernel() -> Iterator[Finding]:
    """Kernel, processors, control groups."""
    if platform.system() != "Linux":
        yield error("kernel", platform.system(), "runs need Linux: /proc, flock, subreapers")
        return
    processors = len(os.sched_getaffinity(0))
    yield ok(
        "kernel",
        f"Linux {platform.release()}, {formats.count(processors, 'processor')}, "
        f"control groups {_cgroup_version()}",
    )


def _cgroup_version() -> str:
    if os.path.exists(os.path.join(_CGROUPS, "cgroup.controllers")):
        return "v2"
    return "v1" if os.path.isdir(os.path.join(_CGROUPS, "memory")) else "not mounted"
