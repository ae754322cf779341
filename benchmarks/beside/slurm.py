"""A Slurm cluster of this machine, for the scenarios that submit to one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.beside.missing import NotMeasured
from tests.slurm_cluster import SlurmCluster, cluster


@contextmanager
def slurm_cluster() -> Iterator[SlurmCluster]:
    """For ``Scenario.around``: all contenders find it by SLURM_CONF. Raises NotMeasured."""
    for program in ("slurmctld", "slurmd", "munged", "sbatch"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            raise NotMeasured(f"there is no {program} on this machine", "slurm")
    if os.geteuid() != 0:
        raise NotMeasured("only root can start a Slurm cluster of this machine", "slurm")
    before = os.environ.get("SLURM_CONF")
    with cluster() as running:
        os.environ.update(running.environment)
        try:
            yield running
        finally:
            del os.environ["SLURM_CONF"]
            if before is not None:
                os.environ["SLURM_CONF"] = before
