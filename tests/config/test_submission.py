from __future__ import annotations

import getpass
import json
import logging
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runyard import _version
from runyard.config import containers, planning, start, submission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.environments.environment import Environment
from runyard.errors import (
    ExperimentExecutionException,
    UserErrorException,
)
from runyard.history.run import Run, ScriptRun
from runyard.history.snapshots import SnapshotStore
from runyard.record import jsonl, notes, owner
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership
from tests.config.fixtures import runs_of as _runs
from tests.config.targets import FakeTarget, content_of, write


def _directory(experiment: Any, run: Run) -> RunDirectory:
    directory: RunDirectory = experiment.workspace.directory.run("exp", run.id)
    return directory


def test_what_is_recorded(
    config: ScriptRunConfig, experiment: Any, project: Path, target: FakeTarget
) -> None:
    run = submission.submit(config, experiment, tags={"stage": "trial", "n": 3, "none": None})
    record = jsonl.read_json(_directory(experiment, run).run_json)
    snapshot = SnapshotStore(Path(experiment.workspace.directory.path)).take(project).id
    spec, definition = record.pop("spec"), record.pop("run_configuration")
    assert record.pop("created") > 0
    assert record == {
        "format": 1,
        "id": run.id,
        "experiment": "exp",
        "type": "azureml.scriptrun",
        "workspace": "work",
        "parent": None,
        "display_name": None,
        "tags": {"stage": "trial", "n": "3", "none": ""},
        "properties": {
            "ContentSnapshotId": snapshot,
            "_azureml.ComputeTargetType": "local",
        },
        "user": getpass.getuser(),
        "host": os.uname().nodename,
        "version": _version.__version__,
        "snapshot": snapshot,
        "git": None,
        "notices": [],
    }
    assert (spec["script"], spec["arguments"]) == ("train.py", ["--lr", "0.1"])
    assert spec["environment"]["kind"] == "venv"
    assert (definition["script"], definition["arguments"]) == ("train.py", ["--lr", 0.1])
    assert target.record["id"] == run.id


def test_the_target_gets_the_run_with_its_lock(
    config: ScriptRunConfig, experiment: Any, target: FakeTarget
) -> None:
    run = submission.submit(config, experiment)
    directory = _directory(experiment, run)
    assert [started.path for started in target.runs] == [directory.path]
    assert target.lock_was_held
    assert not owner.is_held(directory.lock)
    assert owner.signature(directory.lock)["pid"] == os.getpid()
    handle = jsonl.read_json(directory.join("handle.json"))
    assert handle == {"target": "fake", "run": directory.path}


def test_the_run_is_of_the_experiment(config: ScriptRunConfig, experiment: Any) -> None:
    run = submission.submit(config, experiment)
    assert type(run) is ScriptRun
    assert run.experiment is experiment
    assert re.fullmatch(r"exp_\d+_[0-9a-f]{8}", run.id)


def test_the_environment_of_a_run(config: ScriptRunConfig, experiment: Any) -> None:
    environment = config.run_config.environment
    environment.environment_variables = {"LEVEL": "1", "API_KEY": "hunter2"}
    found = submission.submit(config, experiment).get_environment()
    assert isinstance(found, Environment)
    assert found.environment_variables == {"LEVEL": "1", "API_KEY": "***"}
    found.environment_variables = environment.environment_variables
    assert repr(found) == repr(environment)
    interactive = experiment.start_logging(snapshot_directory=None, outputs=False)
    with pytest.raises(
        UserErrorException, match=r"was not submitted \(it is of type 'interactive'"
    ):
        interactive.get_environment()
    interactive.cancel()


def test_secrets_go_to_the_target_only(
    config: ScriptRunConfig, experiment: Any, target: FakeTarget, tmp_path: Path
) -> None:
    config.run_config.environment_variables = {"HF_TOKEN": "hunter2", "LEVEL": "1"}
    submission.submit(config, experiment)
    assert target.secrets == {"HF_TOKEN": "hunter2"}
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


def test_nothing_of_the_project_is_changed(
    config: ScriptRunConfig, experiment: Any, project: Path
) -> None:
    before = content_of(project)
    submission.submit(config, experiment)
    assert content_of(project) == before


def test_a_run_id_of_ones_own(config: ScriptRunConfig, experiment: Any) -> None:
    assert submission.submit(config, experiment, run_id="first").id == "first"
    with pytest.raises(UserErrorException, match="run first exists already in experiment exp"):
        submission.submit(config, experiment, run_id="first")
    assert [run.id for run in _runs(experiment)] == ["first"]
    with pytest.raises(UserErrorException, match="cannot be used as a folder name"):
        submission.submit(config, experiment, run_id="../first")


def test_the_parent_learns_of_its_child(config: ScriptRunConfig, experiment: Any) -> None:
    parent = submission.submit(config, experiment)
    child = submission.submit(config, experiment, parent=parent)
    directory = _directory(experiment, parent)
    assert notes.read_notes(directory, jsonl.read_json(directory.run_json)).children == [child.id]
    record = jsonl.read_json(_directory(experiment, child).run_json)
    assert record["parent"] == parent.id


def test_the_state_of_the_repository_is_kept(
    config: ScriptRunConfig, experiment: Any, project: Path
) -> None:
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    record = jsonl.read_json(_directory(experiment, submission.submit(config, experiment)).run_json)
    assert record["git"]["azureml.git.branch"] == "main"
    assert record["properties"].items() >= record["git"].items()


def test_notices_are_logged_and_kept(
    config: ScriptRunConfig, experiment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    config.run_config.docker.use_docker = True
    config.run_config.history.output_collection = False
    with caplog.at_level(logging.INFO):
        run = submission.submit(config, experiment)
    notice = "history.output_collection=False has no effect: outputs are always kept"
    assert containers.NO_CONTAINER in caplog.text
    assert jsonl.read_json(_directory(experiment, run).run_json)["notices"] == [notice]
    assert notice in caplog.text


@pytest.mark.parametrize("tags", [["a"], "a", 3])
def test_tags_are_a_dict(config: ScriptRunConfig, experiment: Any, tags: Any) -> None:
    with pytest.raises(UserErrorException, match=r"tags is .* of type .*; give a dict such as"):
        submission.submit(config, experiment, tags=tags)


def test_what_cannot_be_planned_leaves_nothing(
    project: Path, experiment: Any, tmp_path: Path
) -> None:
    before = content_of(tmp_path / "ws")
    with pytest.raises(ExperimentExecutionException, match="the script path does not exist"):
        submission.submit(ScriptRunConfig(project, "missing.py"), experiment)
    assert content_of(tmp_path / "ws") == before


def test_planning_writes_nothing_to_a_used_workspace(
    config: ScriptRunConfig, experiment: Any, project: Path, tmp_path: Path
) -> None:
    submission.submit(config, experiment)
    write(project, "new.py")
    before = content_of(tmp_path)
    planning.plan(config, experiment.workspace, experiment="exp")
    assert content_of(tmp_path) == before


def test_a_lock_somebody_looks_at_is_waited_for(
    config: ScriptRunConfig, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, take = [], owner.take

    def contended(path: str) -> Ownership | None:
        taken.append(path)
        return None if len(taken) < 3 else take(path)

    monkeypatch.setattr(owner, "take", contended)
    monkeypatch.setattr(start, "_TAKE_PAUSE_S", 0.0)
    assert submission.submit(config, experiment).id


def test_a_long_list_of_skipped_paths_does_not_hide_the_script(
    project: Path, experiment: Any
) -> None:
    (project / ".amlignore").write_text("*.tmp\nzz/*.py\n")
    write(project, "zz/late.py", *(f"a/{number}.tmp" for number in range(1001)))
    with pytest.raises(ExperimentExecutionException, match=r"script='zz/late\.py' is left out"):
        submission.submit(ScriptRunConfig(project, "zz/late.py"), experiment)
    assert _runs(experiment) == []
    assert submission.submit(ScriptRunConfig(project, "train.py"), experiment).id


def test_the_record_is_plain_json(config: ScriptRunConfig, experiment: Any) -> None:
    run = submission.submit(config, experiment)
    text = Path(_directory(experiment, run).run_json).read_text("ascii")
    assert json.loads(text)["spec"]["max_run_duration_s"] == 2592000.0
