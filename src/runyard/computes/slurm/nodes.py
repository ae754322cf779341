"""A cluster: its name, and the nodes of a partition, counted."""

from __future__ import annotations

import functools
import os
import re
from typing import NamedTuple

from runyard.computes.slurm.commands import SlurmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.computes.slurm.commands import Slurm


class Counts(NamedTuple):
    """How many nodes have jobs, are free, cannot be used now, and are there at all."""

    allocated: int
    idle: int
    other: int
    total: int


def counted(slurm: Slurm, partition: str | None = None) -> Counts:
    """The nodes of one partition, by default of all. Raises SlurmError."""
    asked = [f"--partition={partition}"] if partition else []
    text = slurm.run("sinfo", "--noheader", "--format=%F", *asked)
    lines = [[int(part) for part in line.split("/")] for line in text.split() if "/" in line]
    return (
        Counts(*(sum(column) for column in zip(*lines, strict=True)))
        if lines
        else Counts(0, 0, 0, 0)
    )


def cluster_name(slurm: Slurm) -> str:
    """What the cluster calls itself; '' where that cannot be said now. Asked once."""
    try:
        return _cluster_name(slurm, os.environ.get("SLURM_CONF", ""))
    except SlurmError:
        return ""


@functools.cache
def _cluster_name(slurm: Slurm, conf: str) -> str:
    """``conf``: where the programs look; with another one they are asked anew."""
    text = slurm.run("scontrol", "show", "config")
    found = re.search(r"^ClusterName\s*=\s*(\S+)", text, re.MULTILINE)
    return found[1] if found else ""
