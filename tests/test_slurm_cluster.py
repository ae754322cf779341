"""The cluster of the tests does what tests of runs on Slurm stand on."""

import time
from pathlib import Path

import psutil
import pytest

from tests.slurm_cluster import NODES, SlurmCluster


def test_a_job_of_two_nodes_and_eight_tasks_runs(slurm: SlurmCluster) -> None:
    said = slurm.ask("srun", "-N2", "--ntasks-per-node=4", "printenv", "SLURMD_NODENAME")

    assert sorted(said.split()) == ["n1"] * 4 + ["n2"] * 4


def test_a_killed_node_leaves_nothing_running(slurm: SlurmCluster, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    _sbatch(
        slurm, tmp_path, "--no-requeue", "-w", "n2", f"setsid sleep 300 & echo $! > {pid}; wait"
    )
    slurm.wait_until(lambda: pid.exists() and pid.read_text() != "", "the job runs")

    slurm.kill_node("n2")

    assert not psutil.pid_exists(int(pid.read_text()))


def test_what_a_test_has_killed_is_there_for_the_next(slurm: SlurmCluster, tmp_path: Path) -> None:
    job = _sbatch(slurm, tmp_path, "sleep 300")
    slurm.kill_controller()
    slurm.kill_node("n3")

    slurm.clear()

    assert slurm.state(job) == "CANCELLED"
    assert len(slurm.ask("srun", "-N3", "hostname").split()) == len(NODES)


def test_a_low_job_is_queued_again_when_others_need_its_nodes(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    low = _sbatch(slurm, tmp_path, "-p", "low", "--requeue", "-N3", "--exclusive", "sleep 300")
    slurm.wait_until(lambda: slurm.state(low) == "RUNNING", "the low job runs")

    slurm.ask("srun", "-N3", "--exclusive", "true")

    assert " Restarts=1 " in slurm.ask("scontrol", "show", "job", low, "--oneliner")
    slurm.wait_until(lambda: slurm.state(low) == "RUNNING", "it runs again")


def test_jobs_are_forgotten_when_a_test_asks_for_it(slurm: SlurmCluster, tmp_path: Path) -> None:
    job = _sbatch(slurm, tmp_path, "true")
    slurm.wait_until(lambda: slurm.state(job) == "COMPLETED", "it has ended")

    with slurm.configured(MinJobAge="2"):
        slurm.wait_until(
            lambda: f"JobId={job} " not in slurm.ask("scontrol", "show", "job", "-o"), "forgotten"
        )


def test_gpus_are_on_one_node(slurm: SlurmCluster) -> None:
    said = slurm.ask(
        "srun", "--gres=gpu:2", "sh", "-c", "echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"
    )

    assert said.split() == ["n3", "0,1"]


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_accounting_remembers(slurmdbd: SlurmCluster, tmp_path: Path, state: str) -> None:
    job = _sbatch(slurmdbd, tmp_path, "true" if state == "COMPLETED" else "false")

    def recorded() -> str:
        time.sleep(0.2)  # each question is a query of the data base
        return slurmdbd.ask("sacct", "-X", "-n", "-P", "-j", job, "--format=State").strip()

    slurmdbd.wait_until(lambda: recorded() == state, "it is in the data base")


def _sbatch(cluster: SlurmCluster, folder: Path, *options: str) -> str:
    *options_, command = options
    output = f"--output={folder}/out.txt"
    argv = ["sbatch", "--parsable", f"--chdir={folder}", output, *options_, f"--wrap={command}"]
    return cluster.ask(*argv).strip()
