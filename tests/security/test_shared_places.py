"""What others leave where we look: a workspace in /tmp, a pool, a cluster, a queue."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runyard.computes import pool_queue
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.errors import WorkspaceException
from runyard.history.workspace import Workspace
from runyard.record import computes, events, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Status
from runyard.testing import runs
from tests.requirements import missing
from tests.security.conftest import ANOTHER, Scene


def _theirs(path: Path) -> None:
    if os.geteuid() != 0:
        missing("root", "files of another user can only be made by root")
    for parent, folders, names in os.walk(path):
        for name in (*folders, *names):
            os.lchown(os.path.join(parent, name), ANOTHER, ANOTHER)
    os.lchown(path, ANOTHER, ANOTHER)


@pytest.fixture
def everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like /tmp with a workspace of another user in it; we work below it."""
    folder = tmp_path / "everybodys"
    (folder / "ours").mkdir(parents=True)
    runs.workspace(folder)
    folder.chmod(0o1777)
    _theirs(folder / ".runyard")
    monkeypatch.chdir(folder / "ours")
    return folder


def test_a_workspace_that_another_user_left_in_tmp_is_passed_by(
    everybodys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Workspace.from_config().path == str(everybodys / "ours/.runyard")
    assert f"{everybodys}/.runyard was made by another user in a folder" in capsys.readouterr().err
    monkeypatch.chdir(everybodys)
    with pytest.raises(WorkspaceException, match=r"workspace of another user.*RUNYARD_WORKSPACE="):
        Workspace.from_config()
    monkeypatch.setenv("RUNYARD_WORKSPACE", str(everybodys))
    assert Workspace.from_config().path == str(everybodys / ".runyard")


def test_so_is_a_config_json_of_theirs(everybodys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (everybodys / ".azureml").mkdir()
    config = {"workspace_name": "tests", "runyard_workspace": ".runyard"}
    (everybodys / ".azureml/config.json").write_text(json.dumps(config))
    _theirs(everybodys / ".azureml")
    assert Workspace.from_config().path == str(everybodys / "ours/.runyard")


def test_a_workspace_of_a_group_is_found_as_ever(everybodys: Path) -> None:
    everybodys.chmod(0o2775)
    assert Workspace.from_config().path == str(everybodys / ".runyard")


def _squeue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    program = folder / "squeue"
    program.write_text('#!/bin/sh\necho "asked with $SLURM_CONF"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_slurm_conf_of_another_user_is_used_only_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _squeue(tmp_path / "bin", monkeypatch)
    place = tmp_path / "theirs"
    place.mkdir()
    conf = place / "slurm.conf"
    conf.write_text("PluginDir=/theirs\n")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    assert Slurm(str(conf)).run("squeue") == f"asked with {conf}\n"
    _theirs(place)
    with pytest.raises(SlurmError) as refused:
        Slurm(str(conf)).run("squeue")
    assert str(refused.value.message) == (
        f"{conf} (slurm_conf of the compute target), or the folder it lies in, is neither root's, "
        f"nor Slurm's, nor yours, and what it says is run as you. If you trust it: export "
        f"SLURM_CONF={conf}"
    )
    monkeypatch.setenv("SLURM_CONF", str(conf))
    assert Slurm(str(conf)).run("squeue") == f"asked with {conf}\n"


def test_readers_ask_no_cluster_whose_configuration_is_anothers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = scene.folder / "bin"
    program.mkdir()
    for name in ("squeue", "sacct", "scontrol", "scancel", "sinfo", "sbatch"):
        (program / name).write_text(
            f"#!/bin/sh\ncase $SLURM_CONF in {scene.folder}*) touch {scene.home}/asked;; esac\n"
        )
        (program / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{program}:{os.environ['PATH']}")
    scene.unended()
    conf = Path(scene.workspace.path, "slurm.conf")
    conf.write_text("PluginDir=/theirs\n")
    record = {"type": "Slurm", "slurm_conf": str(conf), "partition": "p"}
    computes.write(scene.workspace, "hpc", record)
    Path(scene.run.join("handle.json")).write_text(
        json.dumps({"target": "hpc", "type": "Slurm", "slurm_conf": str(conf)})
    )
    content = json.loads(Path(scene.run.run_json).read_text())
    content["spec"]["target"] = "hpc"
    Path(scene.run.run_json).write_text(json.dumps(content))
    scene.given_away()
    before = scene.look()
    scene.read()
    assert scene.look() == before


def _queued(folder: Path) -> RunDirectory:
    """A run of ours that waits in another workspace."""
    run = runs.make_run(runs.workspace(folder), "print(1)", target="cluster")
    ownership = owner.take(run.lock)
    assert ownership is not None
    owner.sign(ownership, {**owner.identity(), "run": run.path, "ticket": "1-1.json"})
    log = EventLog(run)
    log.status(Status.QUEUED, target="cluster")
    log.close()
    ownership.release()
    return run


@pytest.mark.parametrize("way", ["ticket", "node"])
@pytest.mark.parametrize("state", ["Deleting", "Succeeded"])
def test_a_pool_of_another_user_ends_no_run_of_ours(scene: Scene, way: str, state: str) -> None:
    ours = _queued(scene.home / "project")
    pool = Path(scene.workspace.pool("pool"), "queue")
    pool.mkdir(parents=True)
    computes.write(scene.workspace, "pool", {"type": "AmlCompute", "max_nodes": 1, "state": state})
    (pool / "deleting").touch()
    Path(scene.workspace.runs, "led").symlink_to(Path(ours.path).parent)
    entry = {"run": f"led/{ours.id}", "nodes": 1, "uid": 0, "user": "x", "host": os.uname()[1]}
    if way == "ticket":
        pool_queue.add(str(pool), "1-1.json", entry)
    else:
        nodes = pool.parent / f"nodes-{os.uname()[1]}.json"
        nodes.write_text(json.dumps({"nodes": {"0": {"run": f"led/{ours.id}", "since": 0}}}))
    scene.unended()
    content = json.loads(Path(scene.run.run_json).read_text())
    content["spec"]["target"] = "pool"
    Path(scene.run.run_json).write_text(json.dumps(content))
    scene.given_away()
    before = scene.look()
    scene.read()
    assert scene.look() == before
    assert not events.cancel_requested(ours)


@pytest.mark.parametrize("name", ["lock", "nodes"])
def test_the_files_of_a_pool_are_not_written_through_links(scene: Scene, name: str) -> None:
    folder = Path(scene.workspace.pool("pool"))
    (folder / "queue").mkdir(parents=True)
    computes.write(scene.workspace, "pool", {"type": "AmlCompute", "max_nodes": 1})
    (folder / "queue/deleting").touch()
    file = folder / ("lock" if name == "lock" else f"nodes-{os.uname()[1]}.json")
    file.symlink_to(scene.home / "new-file")
    scene.unended()
    content = json.loads(Path(scene.run.run_json).read_text())
    content["spec"]["target"] = "pool"
    Path(scene.run.run_json).write_text(json.dumps(content))
    scene.given_away()
    before = scene.look()
    scene.read()
    assert scene.look() == before
