"""A cluster: its name, and the nodes of a partition, counted."""

from __future__ import annotations

import functools
import os
import re
from typing import NamedTuple

from runyard.computes.slurm.commands import SlurmError
from runyard.errors import ComputeTargetException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

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


def check_partitions(slurm: Slurm, settings: Mapping[str, Any]) -> None:
    """Raise ComputeTargetException for a partition of the settings that the cluster does not have.

    Nothing is said where Slurm is not installed or does not answer: there too it is described.
    """
    asked = [
        (setting, name)
        for setting in ("partition", "lowpriority_partition")
        for name in (settings.get(setting) or "").split(",")  # sbatch takes several
        if name
    ]
    try:
        known = slurm.run("sinfo", "--all", "--noheader", "--format=%R").split() if asked else []
    except SlurmError:
        return
    for setting, name in asked:
        if known and name not in known:
            raise ComputeTargetException(
                f"{setting}={settings[setting]!r}: the cluster has no partition {name!r}; its "
                f"partitions are {', '.join(sorted(set(known)))} (sinfo --summarize)"
            )


def is_up(slurm: Slurm, partition: str) -> bool:
    """Whether a partition starts jobs: an administrator may have set it down. Raises SlurmError."""
    text = slurm.run("sinfo", "--noheader", "--format=%a", f"--partition={partition}")
    return "up" in text.split()


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
