"""``AmlCompute`` on a real Slurm: the code of a notebook, unchanged, runs on the cluster."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.amlcompute import AmlCompute
from runyard.computes.compute_target import ComputeTarget
from runyard.computes.slurm import jobs
from runyard.computes.slurm.compute import SlurmCompute
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.history.run import Run
from tests.slurm_cluster import SlurmCluster

WAITS = """
import os, time
print("on", os.environ["SLURMD_NODENAME"], flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
"""


@pytest.fixture
def ws(slurm: SlurmCluster, tmp_path: Path) -> Workspace:
    """A workspace whose AmlCompute are made on the cluster."""
    made = Workspace.create("tests", path=str(tmp_path / "ws"))
    cluster = ComputeTarget.attach(made, "hpc", SlurmCompute.attach_configuration())
    assert isinstance(cluster, SlurmCompute)
    cluster.use_for_amlcompute({"STANDARD_N*": "short:none", "Standard_D2_v2": "low"})
    return made


def _created(ws: Workspace, name: str = "cpu-cluster", **given: Any) -> AmlCompute:
    """As in nearly every notebook."""
    try:
        target = ComputeTarget(workspace=ws, name=name)
    except ComputeTargetException:
        config = AmlCompute.provisioning_configuration(**{"max_nodes": 2, **given})
        target = ComputeTarget.create(ws, name, config)
        target.wait_for_completion(show_output=True)
    assert isinstance(target, AmlCompute)
    return target


def _submitted(ws: Workspace, folder: Path, target: AmlCompute, **changes: Any) -> Run:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(WAITS)
    env = Environment("current")
    env.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", compute_target=target, environment=env)
    config.run_config.environment_variables = {"GO": str(folder / "go")}
    for name, value in changes.items():
        setattr(config.run_config, name, value)
    return Experiment(ws, "exp").submit(config)


def _nodes(target: AmlCompute) -> tuple[int, int]:
    """Running and idle."""
    counts = target.get_status().serialize()["nodeStateCounts"]  # type: ignore[union-attr]
    return counts["runningNodeCount"], counts["idleNodeCount"]


def test_the_code_of_a_notebook_runs_on_the_cluster(
    ws: Workspace,
    slurm: SlurmCluster,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = _created(ws)
    assert "'cpu-cluster' runs up to 2 at once on nodes of 'hpc'" in capsys.readouterr().out
    assert _nodes(target) == (0, 2)

    run = _submitted(ws, tmp_path, target)
    slurm.wait_until(lambda: run.get_status() == "Running", "it runs")

    assert _nodes(target) == (1, 1)
    assert [node["runId"] for node in target.list_nodes()] == [run.id, None]
    (tmp_path / "go").touch()
    run.wait_for_completion()
    assert run.get_details()["status"] == "Completed"
    assert Path(run.directory.std_log).read_text() in ("on n1\n", "on n2\n", "on n3\n")
    assert _nodes(target) == (0, 2)


def test_no_more_than_max_nodes_are_taken_and_the_others_go_in_order(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path
) -> None:
    target = _created(ws)
    found = [_submitted(ws, tmp_path, target) for _ in range(4)]
    slurm.wait_until(lambda: _statuses(found).count("Running") == 2, "two run")

    assert _statuses(found) == ["Running", "Running", "Queued", "Queued"]
    assert found[2].get_detailed_status()["details"] == {
        "target": "cpu-cluster",
        "position": 1,
        "length": 2,
        "whose": "",
        "why": "all 2 nodes of 'cpu-cluster' are taken",
    }
    assert [run.id for run, _ in target.queue()] == [run.id for run in found[2:]]
    target.update(max_nodes=3)
    slurm.wait_until(lambda: found[2].get_status() == "Running", "the next one runs")
    assert found[3].get_status() == "Queued"

    found[0].cancel()
    slurm.wait_until(lambda: found[3].get_status() == "Running", "and the last")
    (tmp_path / "go").touch()
    for run in found:
        run.wait_for_completion()
    assert _statuses(found) == ["Canceled", "Completed", "Completed", "Completed"]


def test_who_waits_begins_though_nobody_looks(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path
) -> None:
    target = _created(ws, max_nodes=1)
    found = [_submitted(ws, tmp_path, target) for _ in range(3)]
    (tmp_path / "go").touch()

    done = [Path(run.directory.events) for run in found]
    slurm.wait_until(
        lambda: all('"Completed"' in events.read_text() for events in done), "all have ended"
    )
    for run in found:
        assert run.get_status() == "Completed"


def test_a_held_job_whose_number_nobody_wrote_is_released_too(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path
) -> None:
    """Who submitted it was killed behind sbatch."""
    target = _created(ws, max_nodes=1)
    found = [_submitted(ws, tmp_path, target) for _ in range(3)]
    os.unlink(jobs.path_of(found[1].directory))
    (tmp_path / "go").touch()
    for run in found:
        run.wait_for_completion()
    assert _statuses(found) == ["Completed"] * 3


def test_a_held_job_of_another_user_is_left_to_him(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _created(ws, max_nodes=1)
    first, others, own = (_submitted(ws, tmp_path, target) for _ in range(3))
    job = jobs.read(others.directory)
    assert job is not None
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    denied = f"Access/permission denied for job {job.number}"
    real = shutil.which("scontrol")
    scontrol.write_text(
        f'#!/bin/sh\n[ "$*" = "release {job.number}" ] && {{ echo "{denied}" >&2; exit 1; }}\n'
        f'exec {real} "$@"\n'
    )
    scontrol.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
        target.update(max_nodes=2)
    slurm.wait_until(lambda: own.get_status() == "Running", "what is ours runs")
    assert "Reason=JobHeldUser" in slurm.ask("scontrol", "show", "job", "-o", job.number)
    (tmp_path / "go").touch()
    for run in (first, own, others):
        run.wait_for_completion()
    assert _statuses([first, others, own]) == ["Completed"] * 3


def test_a_run_of_more_nodes_than_the_pool_has_is_refused(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="3 nodes: 'cpu-cluster' has at most 2") as caught:
        _submitted(
            ws, tmp_path, _created(ws), node_count=3, framework="PyTorch", communicator="Gloo"
        )
    assert "runyard compute update cpu-cluster --max-nodes 3" in str(caught.value)


def test_a_machine_size_leads_to_a_partition(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path
) -> None:
    run = _submitted(ws, tmp_path, _created(ws, vm_size="STANDARD_D2_V2"))
    job = jobs.read(run.directory)
    assert job is not None

    assert "Partition=low " in slurm.ask("scontrol", "show", "job", "-o", job.number)


def test_a_deleted_one_ends_its_runs_and_goes(
    ws: Workspace, slurm: SlurmCluster, tmp_path: Path
) -> None:
    target = _created(ws, max_nodes=1)
    found = [_submitted(ws, tmp_path, target) for _ in range(2)]
    slurm.wait_until(lambda: found[0].get_status() == "Running", "the first runs")

    target.delete()
    target.wait_for_completion(is_delete_operation=True, timeout_in_minutes=2.0)

    assert _statuses(found) == ["Canceled", "Canceled"]
    with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
        ComputeTarget(ws, "cpu-cluster")


def test_pools_that_are_there_stay_pools(ws: Workspace, tmp_path: Path) -> None:
    other = Workspace.create("other", path=str(tmp_path / "other"))
    before = _created(other, "before")
    cluster = ComputeTarget.attach(other, "hpc", SlurmCompute.attach_configuration())
    assert isinstance(cluster, SlurmCompute)
    cluster.use_for_amlcompute()

    assert (before.engine, _created(other, "before").engine) == (None, None)
    assert _created(other, "after").engine == "hpc"


def test_what_is_no_cluster_is_refused(ws: Workspace) -> None:
    cluster = ComputeTarget(ws, "hpc")
    assert isinstance(cluster, SlurmCompute)
    with pytest.raises(ComputeTargetException) as caught:
        cluster.use_for_amlcompute({"STANDARD_D2_V2": ""})
    assert caught.value.message == (
        "machine size 'STANDARD_D2_V2' leads to ''; give PARTITION, PARTITION:CONSTRAINT or "
        ":CONSTRAINT"
    )
    target = _created(ws)
    cluster.detach()
    with pytest.raises((ComputeTargetException, UserErrorException)) as detached:
        target.get_status()
    assert "'cpu-cluster' is made on the cluster 'hpc', which was detached" in str(detached.value)
    assert "runyard compute attach hpc" in str(detached.value)
    assert os.path.exists(ws.directory.compute_json("cpu-cluster"))


def _statuses(found: list[Run]) -> list[str]:
    return [run.get_status() for run in found]
