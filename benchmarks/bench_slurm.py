"""200 runs submitted to Slurm, beside 200 bare calls of sbatch, on a cluster of this machine.

Budget: 1.5 times the bare calls. The jobs are held: what is measured is the submitting. Both are
taken in turns of 20, so that what else the machine does is shared.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard import ComputeTarget, Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.slurm.compute import SlurmCompute
from tests.slurm_cluster import SlurmCluster, cluster

COUNT = 200
TURN = 20
BUDGET_RATIO = 1.5


def main() -> dict[str, object]:
    """Seconds for 200 of each, and the ratio."""
    with cluster() as slurm, tempfile.TemporaryDirectory(prefix="bench-slurm-") as name:
        os.environ.update(slurm.environment)
        folder = Path(name)
        submit = _submitter(folder)
        submit()  # what is loaded and compiled once
        bare_s = ours_s = 0.0
        for _ in range(COUNT // TURN):
            bare_s += _seconds(lambda: _sbatch(slurm, folder))
            ours_s += _seconds(submit)
    return report(
        [Measure(f"{COUNT} submits to Slurm / bare sbatch", ours_s / bare_s, BUDGET_RATIO)],
        bare_s=round(bare_s, 2),
        submit_s=round(ours_s, 2),
    )


def _seconds(action: Callable[[], None]) -> float:
    begun = time.monotonic()
    for _ in range(TURN):
        action()
    return time.monotonic() - begun


def _sbatch(slurm: SlurmCluster, folder: Path) -> None:
    script = folder / "job.sh"
    script.write_text("#!/bin/bash\nexec true\n")
    argv = [
        "sbatch",
        "--parsable",
        "--hold",
        f"--chdir={folder}",
        "--output=/dev/null",
        str(script),
    ]
    subprocess.run(argv, capture_output=True, check=True)


def _submitter(folder: Path) -> Callable[[], None]:
    source = folder / "source"
    source.mkdir()
    (source / "train.py").write_text("print('trained')\n")
    workspace = Workspace.create("bench", path=str(folder))
    held = SlurmCompute.attach_configuration(sbatch_options=["--hold"])
    ComputeTarget.attach(workspace, "hpc", held)
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", compute_target="hpc", environment=environment)
    experiment = Experiment(workspace, "bench")

    def submit() -> None:
        experiment.submit(config)

    return submit
