"""``RunDetails``: text outside notebooks, and the data under the names of SDK v1."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard import (
    AmlCompute,
    ComputeTarget,
    Environment,
    Experiment,
    Run,
    RunDetails,
    ScriptRunConfig,
    Workspace,
)
from runyard.errors import UserErrorException
from runyard.testing import runs

SCRIPT = """
import sys, time
from azureml.core import Run
run = Run.get_context()
run.log("loss", 0.5)
run.log("kind", "net")
with run.child_run("fold") as child:
    child.log("score", 1)
print("started", flush=True)
time.sleep(float(sys.argv[1]))
raise RuntimeError("the end")
"""


def submit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    compute_target: Callable[[Workspace], str] = lambda workspace: "local",
) -> Run:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(SCRIPT)
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", [seconds], environment=environment)
    workspace = Workspace.create("shown", exist_ok=True)
    config.run_config.target = compute_target(workspace)
    submitted: Run = Experiment(workspace, "e").submit(config, tags={"stage": "test"})
    return submitted


def test_text_says_how_it_stands_and_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(tmp_path, monkeypatch, 60)
    try:
        runs.wait_for(lambda: "started" in runs.log_of(run.directory))
        runs.wait_for(lambda: run.get_status() == "Running")
        began = time.monotonic()
        RunDetails(run).show(widget_settings={"debug": True})
        assert time.monotonic() - began < 30
        out = capsys.readouterr().out.splitlines()
        assert out[0].startswith(f"Run {run.id} of experiment 'e': Running on local, ")
        assert out[1:] == [
            "  tags: stage=test",
            "  metrics: loss=0.5, kind=net",
            "  children: 1",
            f"  everything about it: runyard show {run.id}",
            "the last lines of user_logs/std_log.txt:",
            "started",
        ]
    finally:
        run.cancel()
        run.wait_for_completion()


def test_text_of_a_failed_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(tmp_path, monkeypatch, 0)
    run.wait_for_completion(raise_on_error=False)
    RunDetails(run).show()
    out = capsys.readouterr().out
    assert f"Run {run.id} of experiment 'e': Failed on local" in out
    assert "  script_exception" in out or "  script exception" in out
    assert "User program failed with RuntimeError: the end" in out


def test_the_data_by_the_names_of_sdk_v1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = submit(tmp_path, monkeypatch, 0)
    run.wait_for_completion(raise_on_error=False)
    data = RunDetails(run).get_widget_data(widget_settings={"a": 1})
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["status"], data["run_id"], data["loading"]) == ("Failed", run.id, False)
    assert data["widget_settings"] == {"a": 1}
    assert data["workbench_run_details_uri"] == run.get_portal_url()
    properties = data["run_properties"]
    assert properties["script_name"] == "train.py"
    assert properties["arguments"] == "0"
    assert properties["tags"] == {"stage": "test"}
    assert properties["log_groups"][0] == ["user_logs/std_log.txt"]
    assert properties["run_duration"].startswith("0:0")
    assert Path(properties["log_files"]["user_logs/std_log.txt"]).is_file()
    [child] = data["child_runs"]
    assert (child["run_name"], child["status"]) == ("fold", "Completed")
    assert data["children_metrics"] == {child["run_id"]: {"score": 1.0}}
    [loss] = data["run_metrics"]
    assert loss == {
        "name": "loss",
        "run_id": run.id,
        "categories": [0],
        "series": [{"data": [0.5]}],
    }
    assert data["run_logs"].endswith("User program failed with RuntimeError: the end")
    assert "started" in data["run_logs"]


def test_anything_but_a_run_is_refused() -> None:
    with pytest.raises(UserErrorException, match="RunDetails takes a run and got an OSError; give"):
        RunDetails(OSError())
    with pytest.raises(UserErrorException, match="RunDetails takes a run and got a str; give what"):
        RunDetails("exp_1")


def test_it_needs_none_of_the_notebook_packages(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('IPython', 'anywidget', 'traitlets'): sys.modules[name] = None\n"
        "from runyard import Experiment, RunDetails, Workspace\n"
        "run = Experiment(Workspace.create('plain'), 'e').start_logging(snapshot_directory=None)\n"
        "RunDetails(run).show()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r": Running, \d+ s", done.stdout)


def test_a_run_that_waits_shows_its_place_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = submit(tmp_path, monkeypatch, 60, compute_target=one_node)
    second = submit(tmp_path, monkeypatch, 0, compute_target=one_node)
    try:
        runs.wait_for(lambda: first.get_status() == "Running", timeout_s=30)
        RunDetails(second).show()
        out = capsys.readouterr().out.splitlines()
        assert out[0].startswith(f"Run {second.id} of experiment 'e': Queued on one-node, ")
        assert out[1] == "  position 1 of 1 in the queue of one-node"
        properties = RunDetails(second).get_widget_data()["run_properties"]
        assert properties["queue"] == "position 1 of 1 in the queue of one-node"
    finally:
        for run in (second, first):
            run.cancel()
            run.wait_for_completion()


def one_node(workspace: Workspace) -> str:
    """A pool with one place."""
    settings = AmlCompute.provisioning_configuration(max_nodes=1)
    if "one-node" not in workspace.compute_targets:
        ComputeTarget.create(workspace, "one-node", settings)
    return "one-node"
