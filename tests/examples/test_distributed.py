"""examples/distributed: several processes learn what one does, on this machine and on Slurm."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard import ComputeTarget, SlurmCompute, Workspace
from scripts.readme import REPO
from tests.slurm_cluster import SlurmCluster

SUBMIT = REPO / "examples" / "distributed" / "submit.py"
PROCESSES = {"chainermn": 2, "pytorch": 2, "mpi4py": 4, "tf_config": 3}
LINE = re.compile(r"(\w+) +1 process: loss ([\d.]+) +(\d+) processes: loss ([\d.]+)")
TIMEOUT_S = 800


def trained(folder: Path, target: str) -> None:
    """All four, in one command; each line says both losses."""
    command = [sys.executable, str(SUBMIT), "--target", target]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: rest for name, *rest in LINE.findall(done.stdout)}
    assert {name: int(ranks) for name, (_, ranks, _) in found.items()} == PROCESSES
    for alone, _, together in found.values():
        assert float(together) == pytest.approx(float(alone), abs=1e-4)
        assert 0.1 < float(alone) < 1.5  # ten digits at random: 2.3


@pytest.fixture
def workspace(tmp_path: Path, tool: Callable[[str], str]) -> Workspace:
    tool("python3.6")
    return Workspace.create("examples", path=str(tmp_path), show_output=False)


def test_on_two_nodes_rehearsed_on_this_machine(workspace: Workspace, tmp_path: Path) -> None:
    trained(tmp_path, "two-nodes")


def test_on_slurm(workspace: Workspace, tmp_path: Path, slurm: SlurmCluster) -> None:
    configuration = SlurmCompute.attach_configuration(slurm_conf=str(slurm.conf))
    ComputeTarget.attach(workspace, "hpc", configuration)
    trained(tmp_path, "hpc")
