"""``SlurmCompute``: attaching a cluster, by the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard import ComputeTarget, SlurmCompute, Workspace
from runyard.computes.slurm.commands import SlurmError
from runyard.computes.slurm.submitting import runner_command
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.record.layout import RunDirectory


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """On a machine without Slurm: a target is described there as well."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    return Workspace.create("work", path=tmp_path, show_output=False)


def test_a_cluster_is_attached_described_and_detached(workspace: Workspace) -> None:
    config = SlurmCompute.attach_configuration(
        "gpu", account="vision", sbatch_options={"hint": "nomultithread"}, tags={"team": "a"}
    )
    made = ComputeTarget.attach(workspace, "hpc", config)
    assert isinstance(made, SlurmCompute)
    assert (made.type, made.is_attached, made.tags) == ("Slurm", True, {"team": "a"})
    assert made.settings == {
        "partition": "gpu",
        "account": "vision",
        "sbatch_options": ["--hint=nomultithread"],
        "memory": True,
        "cluster_name": "",
    }
    again = ComputeTarget.attach(
        workspace, "hpc", SlurmCompute.attach_configuration("cpu", containers="pyxis")
    )
    assert isinstance(again, SlurmCompute)
    assert (again.settings["containers"], "containers" in made.settings) == ("pyxis", False)
    assert (again.settings["partition"], "account" in again.settings) == ("cpu", False)
    assert again.created_on == made.created_on
    assert [target.name for target in ComputeTarget.list(workspace)] == ["hpc"]
    with pytest.raises(ComputeTargetException) as caught:
        made.delete()
    assert caught.value.message == (
        "compute target 'hpc' is attached, and cannot be deleted; to forget it here, call detach()"
    )
    made.detach()
    assert ComputeTarget.list(workspace) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"partition": 1}, "partition=1 is of type int; give its name as text"),
        ({"modules": "cuda"}, "modules='cuda': give a list such as ['modules/1.0']"),
        (
            {"gpu_option": "gpus"},
            "gpu_option='gpus' is not known; give one of 'gpus-per-node', 'gres', with the GPU's "
            "type behind a colon where the site wants it: 'gres:a100'",
        ),
        (
            {"containers": "docker"},
            "containers='docker' is not known; give 'apptainer' (also for singularity) or 'pyxis', "
            "whichever the nodes have",
        ),
        (
            {"partition": "a\nb"},
            "'a\\nb' has a control character (such as the end of a line), which cannot be given "
            "to Slurm: leave it out",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ComputeTargetException, UserErrorException)) as caught:
        SlurmCompute.attach_configuration(**given)
    assert caught.value.message == message


def test_a_submit_without_slurm_says_what_to_do(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("pass")
    target = ComputeTarget.attach(workspace, "hpc", SlurmCompute.attach_configuration())
    environment = runyard.Environment("current")
    environment.python.user_managed_dependencies = True
    config = runyard.ScriptRunConfig(
        str(tmp_path / "source"), "train.py", compute_target=target, environment=environment
    )
    with pytest.raises(runyard.ExperimentExecutionException) as caught:
        runyard.Experiment(workspace, "none").submit(config)
    assert isinstance(caught.value.inner_exception, SlurmError)
    assert "there is no program 'sbatch' on PATH: work on a login node" in caught.value.message
    (run,) = runyard.Experiment(workspace, "none").get_runs()
    assert run.get_status() == "Failed"


def test_an_interpreter_of_the_nodes_has_a_runyard_of_its_own() -> None:
    run = RunDirectory("/data/ws/runs/exp/exp_1")
    found = runner_command(run, {"python": "/opt/runyard/bin/python"})
    assert found[:4] == ["/opt/runyard/bin/python", "-I", "-m", "runyard.runner"]
    assert found[4:] == [run.path, "take"]
    assert runner_command(run, {})[1:3] == ["-I", "-S"]
