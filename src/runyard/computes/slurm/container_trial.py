"""Whether the nodes of a cluster have what they are to run images with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runyard.computes.slurm import entering, options
from runyard.computes.slurm.commands import SlurmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.computes.slurm.commands import Slurm


class Found(NamedTuple):
    """``text``: what there is; ``lacks``: what is missing, '' for nothing; ``advice``: then."""

    text: str
    lacks: str = ""
    advice: str = ""


def look(slurm: Slurm, record: Mapping[str, Any], timeout_s: float) -> Found:
    """Ask srun for the options of pyxis; for apptainer, a node of the partition.

    ``timeout_s``: for the queue and the node.
    """
    try:
        if record["containers"] == entering.PYXIS:
            return _pyxis(slurm)
        return _apptainer(slurm, record, timeout_s)
    except SlurmError as error:
        return Found("", f"it cannot be seen: {error.message}", "see: sinfo; squeue --me")


def _pyxis(slurm: Slurm) -> Found:
    if "--container-image" in slurm.run("srun", "--help"):
        return Found("srun has the options of pyxis")
    return Found(
        "",
        "srun has no option --container-image: the plug-in pyxis is not loaded here",
        "ask who runs the cluster (plugstack.conf), or attach it with --containers apptainer",
    )


def _apptainer(slurm: Slurm, record: Mapping[str, Any], timeout_s: float) -> Found:
    modules = record.get("modules") or ()
    if modules or record.get("prologue"):
        return Found("apptainer is brought by what is loaded in the job: seen by the first run")
    place = [f"--{name}={record[name]}" for name in options.NAMED if record.get(name)]
    said = slurm.run(
        "srun",
        *(*place, "--ntasks=1", "--input=none", "--quiet", "--chdir=/", "--time=1"),
        *("sh", "-c", _LOOK),
        timeout_s=timeout_s,
    )
    program, _, rest = said.strip().partition(" ")
    if program in ("apptainer", "singularity"):
        return Found(rest)
    return Found(
        "",
        f"node {rest or program} has no program apptainer or singularity on PATH",
        "attach the cluster with --module of the one that brings it, or with --containers pyxis",
    )


_LOOK = """\
for program in apptainer singularity; do
    command -v $program >/dev/null || continue
    echo "$program $($program --version) on node ${SLURMD_NODENAME:-$(uname -n)}"
    exit
done
echo "none ${SLURMD_NODENAME:-$(uname -n)}"
"""
