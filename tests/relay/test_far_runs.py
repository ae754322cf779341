"""Whole runs on a target that does not see the workspace, by way of an S3 server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config import resubmission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data import fingerprints
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments.environment import Environment
from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.history.experiment import Experiment
from runyard.history.model import Model
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from runyard.record import events, jsonl, owner, script
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason
from runyard.runner import far as far_runner
from runyard.testing import runs
from tests import killing, relay_target
from tests.faults.test_disk_damage import DAMAGES
from tests.faulty_proxy import before
from tests.holding import files_below, holding
from tests.relay_target import FarTarget
from tests.s3_server import S3, SECRET

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
    # It tidies up when all of the run has been sent.
    runs.wait_for(lambda: os.listdir(tmp_path / "far") == [])


WAITS = """
import time
print("ready", flush=True)
time.sleep(600)
"""


def ready(run: Any) -> None:
    """Wait until the far script's first line has come back, and that it runs.

    That is said when the script has started, and may come with a later piece than the line.
    """
    runs.wait_for(lambda: "ready" in runs.log_of(run.directory))
    runs.wait_for(lambda: events.read_state(run.directory).started is not None)


def handle_of(run: Any) -> dict[str, Any]:
    found: dict[str, Any] = jsonl.read_json(run.directory.join("handle.json"))
    return found


def far_processes(tmp_path: Path) -> list[int]:
    """The processes of scripts and runners whose run directory is below the far folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            variables = Path("/proc", pid, "environ").read_bytes()
            if f"RUNYARD_RUN_DIRECTORY={tmp_path}/far/".encode() in variables:
                found.append(int(pid))
    return found


def test_a_cancel_goes_there_and_its_end_comes_back(
    submit: Callable[..., Any], tmp_path: Path
) -> None:
    run = submit(WAITS)
    ready(run)
    assert run.get_status() == "Running"
    run.cancel()
    assert runs.finish(run.directory).reason is Reason.CANCELLED
    runs.wait_for(lambda: far_processes(tmp_path) == [])


def test_a_cancel_that_a_full_disk_has_left_without_content_goes_there(
    submit: Callable[..., Any],
) -> None:
    run = submit(WAITS)
    ready(run)
    Path(run.directory.requests, "cancel-1.0-1.json").write_text('{"t":')
    assert runs.finish(run.directory).reason is Reason.CANCELLED


def test_a_run_that_was_never_placed_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far").mkdir()
    told = {"url": str(tmp_path / "store"), "options": {}, "secrets": {}, "datastores": {}}
    monkeypatch.setenv("RUNYARD_FAR_DIR", str(tmp_path / "far"))
    monkeypatch.setenv("RUNYARD_RELAY", json.dumps(told))
    with pytest.raises(UserErrorException) as caught:
        far_runner.main(["far", "exp_1"])
    assert caught.value.message == (
        f"there is no 'azureml/exp_1/run.json' on '{tmp_path}/store': start the runner with the id "
        "of a run that was submitted to this target, and the variables it was submitted with"
    )
    assert os.listdir(tmp_path / "far") == []


def far_run(tmp_path: Path) -> RunDirectory:
    (lock,) = Path(tmp_path / "far").glob("*/.runyard/runs/*/*/runner.lock")
    return RunDirectory(str(lock.parent))


def test_a_killed_runner_is_replaced_by_the_one_that_sends(
    submit: Callable[..., Any], tmp_path: Path
) -> None:
    run = submit(WAITS)
    ready(run)
    killing.kill_runner(far_run(tmp_path))
    run.cancel()
    state = runs.finish(run.directory)
    assert (state.reason, state.detail["adopted"]) == (Reason.CANCELLED, 1)
    runs.wait_for(lambda: far_processes(tmp_path) == [])


def test_a_run_whose_processes_are_killed_is_told_by_the_one_that_sends(
    submit: Callable[..., Any], tmp_path: Path
) -> None:
    run = submit(WAITS)
    ready(run)
    killed = far_run(tmp_path)
    runs.wait_for(lambda: script.read(killed).pid is not None)
    found, sends = script.read(killed), handle_of(run)["pid"]
    os.kill(sends, signal.SIGSTOP)  # it would have another runner go on with what still runs
    for pid in (found.witness["pid"], owner.signature(killed.lock)["pid"], found.pid):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    os.kill(sends, signal.SIGCONT)
    state = runs.finish(run.directory)
    assert state.reason is Reason.RUNNER_LOST
    assert "The runner was killed by signal 9 on" in state.detail["message"]
    runs.wait_for(lambda: far_processes(tmp_path) == [])


def test_when_all_is_killed_there_the_target_says_that_it_is_gone(
    submit: Callable[..., Any], tmp_path: Path
) -> None:
    run = submit(WAITS)
    ready(run)
    relay_target.kill(handle_of(run))
    state = runs.finish(run.directory)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["message"] == (
        "The runner on 'far' is gone and has not said how the run ended."
    )
    # The runner ends with who started it, and its script with the runner.
    runs.wait_for(lambda: far_processes(tmp_path) == [])


def test_a_killed_keeper_is_started_again_by_who_looks(
    workspace: Any, submit: Callable[..., Any], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run = submit(
        f"import os, time\nprint('ready', flush=True)\nwhile not os.path.exists({str(gate)!r}):\n"
        "    time.sleep(0.05)\nprint('done')"
    )
    ready(run)
    os.kill(owner.signature(run.directory.lock)["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    gate.touch()
    relay_target.wait(handle_of(run))  # it has ended there, and nobody here knows
    assert events.read_state(run.directory).status.ended is False
    Workspace.at(workspace.directory.path)  # whoever opens the workspace
    assert runs.finish(run.directory).reason is Reason.COMPLETED
    assert runs.log_of(run.directory) == "ready\ndone\n"


@pytest.mark.parametrize("damage", ["half", "other types", "folder"])
def test_a_keeper_goes_on_whatever_became_of_its_notes(
    workspace: Any, submit: Callable[..., Any], tmp_path: Path, damage: str
) -> None:
    """What it has brought it brings once more, and nothing is there twice."""
    gate = tmp_path / "gate"
    run = submit(
        "from runyard import Run\nRun.get_context().log('loss', 1)\nprint('ready', flush=True)\n"
        f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)\n"
        "print('done')"
    )
    ready(run)
    notes = Path(run.directory.join("relay", "next.json"))
    runs.wait_for(notes.exists)
    os.kill(owner.signature(run.directory.lock)["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.directory.lock))
    DAMAGES[damage](notes)
    gate.touch()
    Workspace.at(workspace.directory.path)
    assert runs.finish(run.directory).reason is Reason.COMPLETED
    assert runs.log_of(run.directory) == "ready\ndone\n"
    assert run.get_metrics() == {"loss": 1}


def test_a_datastore_that_is_gone_for_a_while_delays_and_loses_nothing(
    workspace: Any, s3: S3, submit: Callable[..., Any], tmp_path: Path
) -> None:
    with before(s3.address) as proxy:
        options = {**s3.options, "endpoint": proxy.address, "retries": 0, "timeout": 30}
        Datastore.register(workspace, "cloud", s3.bucket(), overwrite=True, **options)
        gate = tmp_path / "gate"
        run = submit(
            f"import os, time\nprint('ready', flush=True)\nwhile not os.path.exists({str(gate)!r}):"
            "\n    time.sleep(0.05)\nprint('done')"
        )
        ready(run)
        proxy.fault(".*", times=10**6, refused=True)
        gate.touch()
        relay = Path(run.directory.join("system_logs/relay.txt"))
        runs.wait_for(lambda: relay.read_text() != "")
        runs.wait_for(lambda: "cannot be reached" in (tmp_path / "far.txt").read_text())
        assert run.get_status() == "Running"
        proxy.faults.clear()
        assert runs.finish(run.directory).reason is Reason.COMPLETED
    assert runs.log_of(run.directory) == "ready\ndone\n"


def test_no_secret_of_a_datastore_is_on_a_disk_or_seen_by_the_script(
    workspace: Any, submit: Callable[..., Any], tmp_path: Path, s3: S3
) -> None:
    cloud = Datastore.get(workspace, "cloud")
    s3.put(cloud.container_name, "train/a.txt", "A")
    run = submit(
        "import os, sys, time\nprint(os.listdir(sys.argv[1]), flush=True)\n"
        "print('RELAY' in str(os.environ), 'a-secret-key' in str(os.environ))\n"
        "print('ready', flush=True)\ntime.sleep(600)",
        cloud.path("train", "faces").as_mount(),
    )
    ready(run)
    assert "['a.txt']\nFalse False\n" in runs.log_of(run.directory)
    assert len(files_below(tmp_path)) > 10
    assert holding(SECRET.encode(), tmp_path) == []
    stored = s3.files(cloud.container_name)
    assert any(name.endswith("/run.json") for name in stored)
    assert [name for name in stored if SECRET.encode() in stored[name]] == []
    for pid in far_processes(tmp_path):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    run.cancel()
    runs.finish(run.directory)
    assert [item["name"] for item in fingerprints.read(run.directory)] == ["faces"]


def test_what_the_far_machine_cannot_reach_is_an_error_before_submit(
    workspace: Any, submit: Callable[..., Any]
) -> None:
    with pytest.raises(UserErrorException) as caught:
        submit("", store=None)
    assert "compute target 'far' does not share the disk of this machine" in caught.value.message
    assert "give source_directory_data_store=" in caught.value.message
    folder = workspace.get_default_datastore()
    with pytest.raises(UserErrorException) as caught:
        submit("", folder.path(None, "mine"))
    assert "'mine' lies in" in caught.value.message
    assert "upload it, for example with Datastore.get(workspace, 'cloud')" in caught.value.message
    assert list(Experiment(workspace, "exp").get_runs()) == []
    Datastore.get(workspace, "cloud").set_as_default()
    assert runs.finish(submit("", store=None).directory).reason is Reason.COMPLETED


def test_a_datastore_that_refuses_is_a_run_that_was_not_started(
    workspace: Any, submit: Callable[..., Any], s3: S3
) -> None:
    Datastore.get(workspace, "cloud").unregister()
    Datastore.register(workspace, "cloud", s3.bucket(), **s3.options)
    s3.client.delete_bucket(Bucket=Datastore.get(workspace, "cloud").container_name[5:])
    with pytest.raises(ExperimentExecutionException) as caught:
        submit("")
    assert "could not be started on 'far'" in caught.value.message
    (run,) = Experiment(workspace, "exp").get_runs()
    assert run.get_status() == "Failed"


def test_a_rerun_goes_there_again(submit: Callable[..., Any], s3: S3, workspace: Any) -> None:
    run = submit("print('again')")
    runs.finish(run.directory)
    new = resubmission.resubmit(run.directory, {})
    assert runs.finish(new).reason is Reason.COMPLETED
    assert runs.log_of(new) == "again\n"
    stored = s3.files(Datastore.get(workspace, "cloud").container_name)
    assert sum(name.startswith("azureml/snapshots/") for name in stored) == 1


def test_child_runs_models_and_outputs_come_into_the_workspace(
    workspace: Any, submit: Callable[..., Any]
) -> None:
    cloud = Datastore.get(workspace, "cloud")
    output = OutputFileDatasetConfig("made", (cloud, "made/{run-id}")).register_on_complete("made")
    script = (
        "import sys\nfrom runyard import Run\nrun = Run.get_context()\n"
        "with run.child_run('part') as child:\n    child.log('loss', 0.25)\n"
        "open('outputs/model.txt', 'w').write('weights')\n"
        "run.register_model('best', 'outputs/model.txt')\n"
        "open(sys.argv[1] + '/a.txt', 'w').write('A')\n"
    )
    Model.register(workspace, __file__, "best")
    run = submit(script, output)
    assert runs.finish(run.directory).reason is Reason.COMPLETED, runs.log_of(run.directory)
    (child,) = run.get_children()
    assert (child.get_metrics(), child.get_status()) == ({"loss": 0.25}, "Completed")
    model = Model(workspace, "best")
    assert (model.version, model.run_id) == (2, run.id)
    assert not os.path.exists(run.directory.join("workspace"))
    assert Dataset.get_by_name(workspace, "made").to_path() == ["/a.txt"]


def test_datasets_are_read_there(workspace: Any, submit: Callable[..., Any], s3: S3) -> None:
    cloud = Datastore.get(workspace, "cloud")
    s3.put(cloud.container_name, "table/a.csv", "x,y\n1,2\n3,4\n")
    files = Dataset.File.from_files((cloud, "table/*.csv")).register(workspace, "files")
    table = Dataset.Tabular.from_delimited_files((cloud, "table/a.csv"))
    script = (
        "import os, sys\nfrom runyard import Run\nrun = Run.get_context()\n"
        "print(os.listdir(sys.argv[1]))\n"
        "print(run.input_datasets['table'].to_pandas_dataframe()['y'].sum())\n"
    )
    run = submit(script, files.as_named_input("files").as_mount(), table.as_named_input("table"))
    state = runs.finish(run.directory)
    assert state.reason is Reason.COMPLETED, (state.detail, runs.log_of(run.directory))
    assert runs.log_of(run.directory).splitlines()[-2:] == ["['a.csv']", "6"]
    found = {item["name"]: item for item in fingerprints.read(run.directory)}
    assert (found["files"]["dataset"], found["table"]["files"]) == ("files", 1)
