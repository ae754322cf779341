from __future__ import annotations

import copy
import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import SnapshotException, UserErrorException
from runyard.history import snapshots_cli, store_lock, targets
from runyard.history.experiment import Experiment
from runyard.history.run import Run, ScriptRun, get_run
from runyard.history.targets import TargetState, register_target
from runyard.history.workspace import Workspace
from runyard.job import run as job_run
from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership
from runyard.record.states import Reason, Status
from tests.history.helpers import end, make_run, note_status


class FakeTarget:
    """Remembers what it was asked to cancel; all its runs are alive."""

    def __init__(self) -> None:
        self.state = TargetState.ALIVE
        self.cancelled: list[dict[str, Any]] = []

    def check(self, spec: Any) -> Sequence[Any]:
        return []

    def submit(
        self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]
    ) -> dict[str, Any]:
        return {}

    def poll(self, handles: Sequence[dict[str, Any]]) -> list[TargetState]:
        return [self.state for _ in handles]

    def cancel(self, handle: dict[str, Any]) -> None:
        self.cancelled.append(handle)

    def reap(self, run: RunDirectory) -> None:
        pass


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    monkeypatch.setattr(targets, "_FACTORIES", dict(targets._FACTORIES))
    fake = FakeTarget()
    register_target("fake", lambda: fake)
    return fake


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    return Experiment(Workspace.create("my-ws"), "exp")


@pytest.fixture
def run(experiment: Experiment, target: FakeTarget) -> Iterator[Run]:
    """A submitted run that is running, its lock held by this process."""
    directory = make_run(experiment.workspace.directory, "exp", "r1", target="fake")
    ownership = owner.take(directory.lock)
    assert ownership is not None
    owner.sign(ownership, owner.identity())
    note_status(directory, Status.RUNNING)
    yield Run(experiment, "r1")
    ownership.release()


def requests(run: Run) -> list[dict[str, Any]]:
    folder = run.directory.requests
    return [jsonl.read_json(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]


def test_ways_to_a_run(experiment: Experiment, run: Run) -> None:
    workspace = experiment.workspace
    for same in (
        Run.get(workspace, "r1"),
        get_run(experiment, "r1"),
        ScriptRun(experiment, "r1"),
        workspace.get_run("r1"),
        Run(run.directory),
        next(Run.list(experiment)),
    ):
        assert same == run
        assert isinstance(same, Run)
        assert same.experiment.name == "exp"
        assert same.experiment.workspace.path == workspace.path
    assert ScriptRun.RUN_TYPE == "azureml.scriptrun"
    assert repr(run) == "Run(Experiment: exp,\nId: r1,\nType: azureml.scriptrun,\nStatus: Running)"


def test_the_class_of_a_run_goes_with_its_type(
    experiment: Experiment, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class MyRun(Run):
        pass

    monkeypatch.setattr(job_run, "type_providers", {})
    Run.add_type_provider("mine", MyRun)
    child = run.child_run()
    make_run(experiment.workspace.directory, run_id="r2", type="mine")
    assert [type(found) for found in experiment.get_runs()] == [MyRun, ScriptRun]
    assert type(experiment.workspace.get_run("r2")) is MyRun
    assert type(get_run(experiment, "r2", rehydrate=False)) is Run
    assert (type(child), type(child.parent)) == (Run, ScriptRun)
    with pytest.raises(ValueError, match="run type 'mine' has a provider already"):
        Run.add_type_provider("mine", MyRun)


def test_a_run_that_is_not_there(experiment: Experiment) -> None:
    with pytest.raises(UserErrorException) as caught:
        Run(experiment, "nope")
    assert caught.value.message == (
        "experiment 'exp' has no run 'nope'; experiment.get_runs() lists those it has"
    )
    with pytest.raises(UserErrorException, match=r"workspace 'my-ws' has no run 'nope'; looked in"):
        Run.get(experiment.workspace, "nope")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"x"', "cannot be read: .*run.json is not valid JSON"),
        ('{"format": 99}', "was made by a newer runyard .format 99; .*upgrade"),
    ],
)
def test_a_run_json_that_cannot_be_read_is_named(
    experiment: Experiment, run: Run, content: str, said: str
) -> None:
    Path(run.directory.run_json).write_text(content)
    with pytest.raises(UserErrorException, match=f"run r1 {said}"):
        Run(experiment, "r1").get_details()


def test_list_filters(experiment: Experiment) -> None:
    there = experiment.workspace.directory
    end(make_run(there, "exp", "r1", tags={"a": "1"}, target="local"))
    make_run(there, "exp", "r2", properties={"p": "1"}, age_s=10)
    make_run(there, "exp", "r3", parent="r1", age_s=5)

    def ids(**filters: Any) -> list[str]:
        return [run.id for run in Run.list(experiment, **filters)]

    assert ids(tags={"a": "1"}) == ["r1"]
    assert ids(properties="p") == ["r2"]
    assert ids(status="Completed") == ["r1"]
    assert ids(type="azureml.scriptrun") == ["r2", "r1"]
    assert ids(include_children=True) == ["r3", "r2", "r1"]


def test_list_by_compute(experiment: Experiment, run: Run) -> None:
    make_run(experiment.workspace.directory, "exp", "r2", type="interactive", spec=None)

    class Compute:
        workspace = experiment.workspace
        name = "fake"

    assert list(Run.list_by_compute(Compute())) == [run]
    assert list(Run.list_by_compute(Compute(), status="Failed")) == []


def test_a_status_is_the_truth_about_this_run(experiment: Experiment, target: FakeTarget) -> None:
    directory = make_run(experiment.workspace.directory, "exp", "r1", target="fake")
    run = Run(experiment, "r1")
    note_status(directory, Status.RUNNING)
    assert run.get_status() == run.status == "Running"
    target.state = TargetState.UNKNOWN
    assert run.get_status() == "NotResponding"
    assert run.get_details()["status"] == "NotResponding"
    target.state = TargetState.GONE
    assert run.get_details()["error"]["error"]["reason"] == "runner_lost"
    assert run.get_status() == "Failed"


def test_cancel_asks_once_and_tells_the_target(run: Run, target: FakeTarget) -> None:
    jsonl.write_once(run.directory.join("handle.json"), {"job": 7})
    run.cancel()
    run.cancel()
    assert [request["request"] for request in requests(run)] == ["cancel"]
    assert target.cancelled == [{"job": 7, "run": run.directory.path}] * 2
    assert run.get_status() == "CancelRequested"


def test_only_the_runner_ends_a_run(run: Run) -> None:
    run.complete()
    run.fail("it was no use", error_code="X")
    assert [request["request"] for request in requests(run)] == ["complete", "fail"]
    assert requests(run)[1]["error"] == {"message": "it was no use", "code": "X"}
    assert run.get_status() == "Running"
    with pytest.raises(TypeError, match="error_details must be a text or an exception"):
        run.fail(7)  # type: ignore[arg-type]


def test_a_run_that_has_ended_is_left_alone(run: Run, target: FakeTarget) -> None:
    end(run.directory)
    run.cancel()
    run.complete()
    run.fail()
    assert requests(run) == []
    assert target.cancelled == []
    assert run.get_status() == "Completed"


def test_an_interactive_run_is_ended_at_once(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    Run(experiment, run.id).cancel()
    assert run.get_status() == "Canceled"


def test_a_copy_of_a_run_does_not_reach_the_original(
    experiment: Experiment, run: Run, target: FakeTarget, tmp_path: Path
) -> None:
    jsonl.write_once(run.directory.join("handle.json"), {"job": 7, "run": run.directory.path})
    interactive = experiment.start_logging(snapshot_directory=None, outputs=False)
    shutil.copytree(experiment.workspace.path, tmp_path / "copy")
    copied = Workspace.at(tmp_path / "copy")
    for original in (run, interactive):
        twin = copied.get_run(original.id)
        assert twin.get_status() == "Failed"
        twin.cancel()
        assert original.get_status() == "Running"
    assert target.cancelled == []
    assert requests(run) == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_runs_can_be_copied_and_sent_to_other_processes(
    experiment: Experiment, run: Run, copied: Callable[[Any], Any]
) -> None:
    run.log("loss", 1)
    twin = copied(run)
    assert twin == run
    assert twin.experiment.workspace.path == experiment.workspace.path
    twin.log("loss", 2)
    assert run.get_metrics() == {"loss": [1, 2]}
    assert len(os.listdir(run.directory.metrics)) == 2


def test_children_are_client_runs(experiment: Experiment) -> None:
    with experiment.start_logging(snapshot_directory=None, outputs=False) as parent:
        child = parent.child_run("first")
        [other] = parent.create_children(1)
        assert isinstance(child, Run)
        assert child.experiment is experiment
        assert child.parent == parent
        assert [found.id for found in parent.get_children()] == [other.id, child.id]
        assert other.get_status() == "NotStarted"
        child.complete()
    assert [run.id for run in experiment.get_runs()] == [parent.id]
    assert len(list(experiment.get_runs(include_children=True))) == 3


def test_a_job_run_leads_to_the_client(experiment: Experiment, run: Run) -> None:
    in_job = job_run.Run(run.directory)
    client = in_job._client("Run.get_environment")
    assert isinstance(client, Run)
    assert client == run


def test_one_snapshot_of_a_folder_or_a_file(experiment: Experiment, run: Run) -> None:
    Path("src").mkdir()
    Path("src/train.py").write_text("x = 1\n")
    snapshot = run.take_snapshot("src")
    assert run.get_snapshot_id() == snapshot
    with pytest.raises(SnapshotException, match=f"has the snapshot {snapshot} already"):
        run.take_snapshot("src")
    with zipfile.ZipFile(run.restore_snapshot(path="out")) as archive:
        assert archive.read("train.py") == b"x = 1\n"
    other = Run(experiment, make_run(experiment.workspace.directory, "exp", target="fake").id)
    other.take_snapshot("src/train.py")
    assert other.get_snapshot_id() == snapshot
    with (
        store_lock.shared(experiment.workspace.path) as hold,
        pytest.raises(UserErrorException, match=r"there is nothing at 'nowhere' to take"),
    ):
        snapshots_cli.store(experiment.workspace.path, "nowhere", hold)


def test_the_command_that_takes_snapshots_for_scripts(
    experiment: Experiment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    Path("src").mkdir()
    assert snapshots_cli.main([experiment.workspace.path, "src"]) == 0
    assert len(capsys.readouterr().out.strip()) == 32
    assert snapshots_cli.main([experiment.workspace.path, "nowhere"]) == 1
    assert "there is nothing at" in capsys.readouterr().err


def test_files_logs_and_portal_of_a_run(run: Run, tmp_path: Path) -> None:
    Path("plot.txt").write_text("plot")
    run.upload_file("outputs/plot.txt", "plot.txt")
    Path(run.directory.std_log).write_text("hello\n")
    end(run.directory, Reason.COMPLETED)
    run.download_file("outputs/plot.txt", str(tmp_path / "copy.txt"))
    assert (tmp_path / "copy.txt").read_text() == "plot"
    [log] = run.get_all_logs(str(tmp_path / "all"))
    assert Path(log).read_text() == "hello\n"
    assert run.get_details_with_logs()["logFiles"] == {"user_logs/std_log.txt": "hello\n"}
    assert run.get_portal_url() == f"file://{run.directory.path}"
    json.dumps(run.get_details())
    with pytest.raises(UserErrorException, match="run r1 was not submitted"):
        run.get_environment()
