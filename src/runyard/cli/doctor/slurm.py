"""The doctor on Slurm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from runyard.cli import formats
from runyard.cli.doctor.finding import Finding, ok, warning
from runyard.computes.slurm import nodes, site_options
from runyard.computes.slurm.commands import Slurm, SlurmError

_NAME = "slurm"


def slurm() -> Iterator[Finding]:
    """Whether runs can be submitted to a cluster from here."""
    program = shutil.which("sbatch")
    if program is None:
        yield ok(_NAME, "not here (runs go to this machine)")
        return
    installed = Slurm()
    try:
        version = site_options.version(installed)
        counts = nodes.counted(installed)
    except SlurmError as error:
        text, _, advice = error.message.partition(": ")
        known = "configuration" in text
        yield warning(
            _NAME,
            f"{text}  {program}" if known else error.message,
            advice if known else "runs cannot be submitted to the cluster; see: scontrol ping",
        )
        return
    text = f"{version}, {formats.count(counts.total, 'node')}, {counts.idle} of them idle"
    yield ok(_NAME, f"{text}  {program}")
