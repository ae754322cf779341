"""What this machine has, beside what a run asks for."""

from __future__ import annotations

import os
from typing import Any

from runyard.computes import gpus
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
    """A sentence where a run asks for a larger machine than this one, and one for more GPUs.

    That is no error: a script is as slow as its machine, and that of SDK v1 named a size of a
    cloud.
    """
    asked = spec.resources
    if asked is None:
        return []
    return [*_of_size(asked, spec.vm_size), *_of_gpus(asked)]


def uses_nccl(spec: Any) -> bool:
    """Whether the processes of a run talk over NCCL."""
    return spec.distribution is not None and spec.distribution.backend == "nccl"


def rehearsal(spec: Any, lacks_gpu: str) -> list[str]:
    """What of several processes is other here than on a cluster, one sentence each.

    ``lacks_gpu``: why the script finds no GPU here; '' if it does.
    """
    said = []
    if spec.node_count > 1:
        said.append(
            f"the {spec.node_count} nodes are a rehearsal: groups of processes on this machine, "
            "each with its own node number and folder for temporary files"
        )
    count = 0 if spec.distribution is None else spec.distribution.process_count
    if count > cpus():
        threads = counted(cpus(), "processor thread")
        said.append(f"{count} processes share the {threads} of this machine and take turns")
    if uses_nccl(spec) and lacks_gpu:
        why = lacks_gpu.partition(";")[0]
        said.append(f"NCCL needs a GPU for each process, and {why}; Gloo needs none")
    return said


def _of_size(asked: Any, vm_size: str | None) -> list[str]:
    here_cpus, here_bytes = cpus(), memory_bytes()
    if (asked.cpus or 0) <= here_cpus and (asked.memory_bytes or 0) <= here_bytes * _ROUNDED:
        return []
    return [
        f"vm_size={vm_size!r} is a machine of {counted(asked.cpus or 0, 'vCPU')} and "
        f"{gib(asked.memory_bytes or 0)} of memory; this one has {here_cpus} and "
        f"{here_bytes / 2**30:.0f} GiB, and the run takes what there is"
    ]


def _of_gpus(asked: Any) -> list[str]:
    """That there is one at least is checked elsewhere."""
    if asked.gpus < 2 or (here := gpus.count()) >= asked.gpus:
        return []
    return [f"{asked.gpus} GPUs are asked for; this machine has {here}, and the run takes those"]
