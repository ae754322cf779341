"""Whole runs on a target that does not see the workspace, by way of an S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.environments.environment import Environment
from runyard.history import targets
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record.states import Reason
from runyard.testing import runs
from tests.relay_target import FarTarget
from tests.requirements import missing
from tests.s3_server import S3

TRAIN = """
import os, sys, time
from runyard import Run
run = Run.get_context()
print("hello from far", sys.argv[1:], flush=True)
print("sees the workspace:", os.path.exists(sys.argv[1]), flush=True)
for step in range(3):
    run.log("loss", 1 / (step + 1))
run.tag("stage", "far")
os.makedirs("outputs/deep", exist_ok=True)
open("outputs/deep/model.bin", "wb").write(b"x" * 200000)
open("outputs/small.txt", "w").write("small")
open("left.txt", "w").write("left in work")
"""


@pytest.fixture(scope="session")
def _namespaces() -> None:
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or done.returncode != 0:
        missing("mount", "a mount namespace can only be made by root")


@pytest.fixture
def far(_namespaces: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarTarget]:
    """The target 'far', known to this process."""
    (tmp_path / "far").mkdir()
    monkeypatch.setenv("RUNYARD_FAR_DIR", str(tmp_path / "far"))
    monkeypatch.setenv("RUNYARD_TEST_FAR_LOG", str(tmp_path / "far.txt"))
    monkeypatch.setitem(targets._FACTORIES, "far", FarTarget)
    yield FarTarget()
    for process in FarTarget.started:
        process.kill()
        process.wait()
    FarTarget.started.clear()


@pytest.fixture
def workspace(tmp_path: Path, s3: S3) -> Any:
    made = Workspace.create("tests", path=str(tmp_path / "workspace"))
    Datastore.register(made, "cloud", s3.bucket(), **s3.options)
    return made


@pytest.fixture
def submit(workspace: Any, far: FarTarget, tmp_path: Path) -> Callable[..., Any]:
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable

    def submitted(script: str, *arguments: object, store: str | None = "cloud") -> Any:
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source/train.py").write_text(script)
        config = ScriptRunConfig(
            tmp_path / "source",
            "train.py",
            list(arguments),
            compute_target="far",
            environment=environment,
        )
        config.run_config.source_directory_data_store = store
        return Experiment(workspace, "exp").submit(config)

    return submitted


def test_a_far_run_is_one_like_any_other(
    workspace: Any, submit: Callable[..., Any], tmp_path: Path
) -> None:
    run = submit(TRAIN, workspace.directory.workspace_json)
    state = runs.finish(run.directory)
    log = runs.log_of(run.directory)
    assert state.reason is Reason.COMPLETED, (state.detail, log)
    assert log.splitlines()[0].startswith("hello from far [")
    assert "sees the workspace: False" in log
    assert run.get_metrics()["loss"] == [1.0, 0.5, 1 / 3]
    assert run.tags == {"stage": "far"}
    assert Path(run.directory.outputs, "deep/model.bin").read_bytes() == b"x" * 200000
    assert sorted(run.get_file_names())[:2] == ["outputs/deep/model.bin", "outputs/small.txt"]
    assert Path(run.directory.work, "left.txt").read_text() == "left in work"
    assert not Path(run.directory.work, "train.py").exists()
    assert json.loads(Path(run.directory.environment_json).read_text())["kind"] == "user_managed"
    assert os.listdir(tmp_path / "far") == []
