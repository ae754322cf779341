"""What this machine has, beside what a run asks for."""

from __future__ import annotations

import os
from typing import Any

from runyard.computes.machine_sizes import counted, gib

MEMINFO = "/proc/meminfo"
_ROUNDED = 1.1
"""A machine sold as 56 GiB shows a little less."""


def cpus() -> int:
    """Threads of the processor that this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """Memory of the machine; 0 where it does not tell."""
    try:
        with open(MEMINFO, encoding="ascii") as stream:
            found = next(line for line in stream if line.startswith("MemTotal:"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return 0


def shortfalls(spec: Any) -> list[str]:
    """One sentence where a run asks for a larger machine than this one; [] where it does not.

    That is no error: a script is as slow as its machine, and that of SDK v1 named a size of a
    cloud. GPUs are looked at elsewhere.
    """
    asked = spec.resources
    if asked is None or not spec.vm_size:
        return []
    here_cpus, here_bytes = cpus(), memory_bytes()
    if (asked.cpus or 0) <= here_cpus and (asked.memory_bytes or 0) <= here_bytes * _ROUNDED:
        return []
    return [
        f"vm_size={spec.vm_size!r} is a machine of {counted(asked.cpus or 0, 'vCPU')} and "
        f"{gib(asked.memory_bytes or 0)} of memory; this one has {here_cpus} and "
        f"{here_bytes / 2**30:.0f} GiB, and the run takes what there is"
    ]
