"""What fails around a run on Slurm, and that nobody is told anything wrong meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.compute_target import ComputeTarget
from runyard.computes.slurm import jobs
from runyard.computes.slurm.compute import SlurmCompute
from runyard.errors import RunyardError
from runyard.history.run import Run
from runyard.record import owner
from runyard.record.states import Reason
from tests.computes.slurm.targets import kill_job
from tests.slurm_cluster import SlurmCluster

WAITS = """
import os, sys, time
print("begun", flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
sys.exit(int(open(os.environ["GO"]).read() or 0))
"""


def workspace_in(folder: Path) -> Workspace:
    """The workspace of the folder, made where there is none."""
    return Workspace.create("tests", path=str(folder / "ws"), exist_ok=True)


def submitted(folder: Path, held: bool = False, **changes: Any) -> Run:
    """A run of a workspace in the folder, on the cluster of SLURM_CONF."""
    ws = workspace_in(folder)
    described = SlurmCompute.attach_configuration(sbatch_options={"hold": held})
    ComputeTarget.attach(ws, "hpc", described)
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(WAITS)
    env = Environment("current")
    env.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", compute_target="hpc", environment=env)
    config.run_config.environment_variables = {"GO": str(folder / "go")}
    for name, value in changes.items():
        setattr(config.run_config, name, value)
    return Experiment(ws, "exp").submit(config)


def test_a_controller_that_is_killed_and_comes_back(slurm: SlurmCluster, tmp_path: Path) -> None:
    running = submitted(tmp_path)
    slurm.wait_until(lambda: running.get_status() == "Running", "it runs")

    slurm.kill_controller()
    assert running.get_status() in ("Running", "NotResponding")
    (tmp_path / "go").touch()
    slurm.wait_until(lambda: running.get_status() == "Completed", "its end needs no controller")
    slurm.start_controller()

    assert running.get_status() == "Completed"
    again = submitted(tmp_path)
    again.wait_for_completion()
    assert again.get_status() == "Completed"


def test_a_controller_that_crashes_beside_a_run_and_comes_back(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    """By SIGKILL, when it has written down that the run runs: seconds behind each change."""
    run = submitted(tmp_path)
    slurm.wait_until(lambda: run.get_status() == "Running", "it runs")
    job = jobs.read(run.directory)
    assert job is not None
    begun = time.time()
    slurm.ask("scontrol", "update", f"JobId={job.number}", "Comment=runs")
    slurm.wait_until(lambda: slurm.state_saved() > begun, "it is written down")
    slurm.crash_controller()
    assert run.get_status() == "Running"
    (tmp_path / "go").touch()
    slurm.wait_until(lambda: run.get_status() == "Completed", "the run has ended")
    slurm.wait_until(lambda: slurm.state(job.number) == "COMPLETED", "its job has, too")


def test_a_script_that_fails_beside_a_controller_that_takes_its_job_for_waiting(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    """It was killed before it had written down that the job had begun, and would start it again."""
    run = submitted(tmp_path, held=True)
    job = jobs.read(run.directory)
    assert job is not None
    begun = time.time()
    slurm.ask("scontrol", "update", f"JobId={job.number}", "Comment=waits")
    slurm.wait_until(lambda: slurm.state_saved() > begun, "it is written down")
    waiting = slurm.jobs_saved()
    slurm.ask("scontrol", "release", job.number)
    slurm.wait_until(lambda: run.get_status() == "Running", "it runs")
    node = owner.signature(run.directory.lock)["host"]

    with slurm.stopped(node):  # it would report the job, and have it killed
        slurm.crash_controller(waiting)
        assert slurm.state(job.number) == "PENDING"
        (tmp_path / "said").write_text("3")
        (tmp_path / "said").rename(tmp_path / "go")
        slurm.wait_until(lambda: run.get_status() not in ("Running", "Finalizing"), "it has ended")

    details = run.get_details()
    assert details["status"] == "Failed", details
    assert details["error"]["error"]["reason"] == Reason.SCRIPT_EXIT_CODE.value
    assert "exit code 3" in details["error"]["error"]["message"]


def test_a_run_that_a_crashed_controller_has_forgotten_says_so(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    run = submitted(tmp_path, held=True)
    slurm.crash_controller()
    job = jobs.read(run.directory)
    assert job is not None
    if job.number not in slurm.ask("squeue", "-ho", "%i").split():
        assert run.get_status() == "Failed"
        error = run.get_details()["error"]["error"]
        assert error["reason"] == Reason.LAUNCH_FAILED.value
        assert error["message"].startswith(f"Slurm knows nothing of its job {job.number} any more")
    else:
        assert run.get_status() == "Queued"


@pytest.mark.filterwarnings("ignore:compute target")
def test_a_waiting_run_outlives_the_controller(slurm: SlurmCluster, tmp_path: Path) -> None:
    run = submitted(tmp_path, held=True)
    job = jobs.read(run.directory)
    assert job is not None
    (tmp_path / "go").touch()

    slurm.kill_controller()
    assert run.get_status() in ("Queued", "NotResponding")
    slurm.start_controller()

    slurm.wait_until(lambda: run.get_status() == "Queued", "it is known again")
    slurm.ask("scontrol", "release", job.number)
    run.wait_for_completion()
    assert run.get_status() == "Completed"


def test_a_submit_without_a_controller_says_so_and_keeps_the_run(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    slurm.kill_controller()

    with pytest.raises(RunyardError, match="Unable to contact slurm controller") as caught:
        submitted(tmp_path)

    assert "scontrol ping" in str(caught.value)
    (kept,) = Experiment(workspace_in(tmp_path), "exp").get_runs()
    assert kept.get_status() == "Failed"
    assert kept.get_details()["error"]["error"]["reason"] == Reason.LAUNCH_FAILED.value


def test_another_client_reads_and_ends_a_run_whose_client_is_gone(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    program = (
        "from pathlib import Path; from tests.computes.slurm.test_faults import submitted; "
        f"print(submitted(Path({str(tmp_path)!r})).id)"
    )
    client = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    ws = workspace_in(tmp_path)

    run = Run(Experiment(ws, "exp"), client.stdout.split()[-1])
    slurm.wait_until(lambda: run.get_status() == "Running", "it runs")
    run.cancel()
    run.wait_for_completion()

    assert run.get_status() == "Canceled"


@pytest.mark.parametrize("flavour", ["slurm", "slurmdbd"])
def test_a_forgotten_job_is_no_riddle(
    flavour: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cluster: SlurmCluster = request.getfixturevalue(flavour)
    run = submitted(tmp_path)
    cluster.wait_until(lambda: run.get_status() == "Running", "it runs")
    job = jobs.read(run.directory)
    assert job is not None

    kill_job(run.directory)
    with cluster.configured(MinJobAge="2"):
        known = f"JobId={job.number} "
        cluster.wait_until(
            lambda: known not in cluster.ask("scontrol", "show", "job", "-o"), "gone"
        )
        if cluster.accounting:
            asked = ["sacct", "-X", "-n", "-P", "-j", job.number, "--format=State"]
            cluster.wait_until(lambda: cluster.ask(*asked).strip() == "FAILED", "recorded")
        # A controller that is busy may not answer.
        cluster.wait_until(lambda: run.get_status() == "Failed", "its end is told")

    error = run.get_details()["error"]["error"]
    assert error["reason"] == Reason.RUNNER_LOST.value
    told = "failed" if cluster.accounting else "Slurm knows nothing of its job"
    assert told in error["message"]


def test_a_node_that_fails_beside_the_runner_ends_the_run(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    run = submitted(tmp_path, node_count=2, framework="PyTorch", communicator="Gloo")
    slurm.wait_until(lambda: run.get_status() == "Running", "it runs")

    slurm.kill_node("n2")

    slurm.wait_until(lambda: run.get_status() == "Failed", "the run has ended", 90.0)
    error = run.get_details()["error"]["error"]
    assert error["reason"] == Reason.NODE_LOST.value, error
