from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import (
    ExperimentExecutionException,
    RunyardError,
    SnapshotException,
    UserErrorException,
)
from runyard.history.experiment import Experiment, checked_name
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from tests.history.helpers import make_run


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Workspace.create("my-ws")


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "exp")


class Config:
    """Something that can be submitted."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def submit_to(self, experiment: Experiment, **kwargs: Any) -> Run:
        self.calls.append(kwargs)
        directory = experiment.workspace.directory
        return Run(experiment, make_run(directory, experiment.name, kwargs["run_id"]).id)


def test_an_experiment_is_there_once_it_is_named(workspace: Workspace) -> None:
    experiment = Experiment(workspace, "first-one")
    assert (experiment.name, experiment.id, experiment.identity) == ("first-one",) * 3
    assert experiment.workspace is experiment.workspace_object is workspace
    assert list(workspace.experiments) == ["first-one"]
    assert repr(experiment) == "Experiment(Name: first-one,\nWorkspace: my-ws)"
    assert experiment.get_portal_url() == f"file://{workspace.path}/runs/first-one"
    assert "<td>first-one</td>" in experiment._repr_html_()


def test_without_a_workspace_the_nearest_is_used(workspace: Workspace) -> None:
    assert Experiment(None, "exp").workspace.path == workspace.path


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "..", "a" * 256, None, 7, "a\n"])
def test_names_that_are_not_valid(workspace: Workspace, name: Any) -> None:
    with pytest.raises(UserErrorException) as caught:
        Experiment(workspace, name)
    assert caught.value.message == (
        f"experiment name {name!r} is not valid: it must be between 1 and 255 characters long. "
        "Its first character has to be alphanumeric, the others letters, digits, '-' and '_'"
    )


def test_a_name_no_folder_of_a_run_could_carry() -> None:
    assert checked_name("a" * 235) == "a" * 235
    with pytest.raises(UserErrorException, match=r"takes 236 bytes; 235 fit here"):
        checked_name("a" * 236)


def test_submit_hands_over_to_the_config(experiment: Experiment) -> None:
    config = Config()
    run = experiment.submit(config, tags={"a": "1"}, run_id="r1", script_params={"--x": 1})
    assert isinstance(run, Run)
    assert run.id == "r1"
    assert config.calls == [
        {"tags": {"a": "1"}, "run_id": "r1", "parent": None, "script_params": {"--x": 1}}
    ]


def test_submit_child_is_a_submit_with_a_parent(experiment: Experiment) -> None:
    config = Config()
    parent = experiment.submit(config, run_id="p")
    parent.submit_child(config, tags={"b": "2"}, run_id="c")
    assert config.calls[1]["parent"] == parent
    assert config.calls[1]["tags"] == {"b": "2"}


@pytest.mark.parametrize("config", ["train.py", Config, None])
def test_what_cannot_be_submitted(experiment: Experiment, config: Any) -> None:
    with pytest.raises(RunyardError, match=r"cannot be submitted; give an Estimator or Script"):
        experiment.submit(config)


def test_start_logging_runs_until_complete(experiment: Experiment) -> None:
    Path("train.py").write_text("x = 1\n")
    run = experiment.start_logging(name="a try", tags={"t": 1})
    assert run.get_status() == "Running"
    assert (run.type, run.display_name, run.tags) == ("interactive", "a try", {"t": "1"})
    assert Path("outputs").is_dir()
    run.log("loss", 0.5)
    Path("outputs/model.txt").write_text("weights")
    run.complete()
    run.complete()
    assert run.get_status() == "Completed"
    assert "outputs/model.txt" in run.get_file_names()
    assert run.get_metrics() == {"loss": 0.5}
    snapshot = run.get_snapshot_id()
    assert snapshot is not None
    assert Path(run.restore_snapshot(path="out")).name == f"{snapshot}.zip"


def test_start_logging_as_a_context_manager(experiment: Experiment) -> None:
    with pytest.raises(ValueError, match="bad"), experiment.start_logging() as run:  # noqa: PT012
        run.log("x", 1)
        raise ValueError("bad")
    assert run.get_status() == "Failed"
    assert "ValueError" in run.get_details()["error"]["error"]["message"]


def test_start_logging_without_snapshot_and_outputs(experiment: Experiment) -> None:
    with experiment.start_logging(snapshot_directory=None, outputs=False, run_id="mine") as run:
        assert run.id == "mine"
        assert run.get_snapshot_id() is None
    assert not Path("outputs").exists()
    with pytest.raises(UserErrorException, match="mine exists already"):
        experiment.start_logging(snapshot_directory=None, outputs=False, run_id="mine")


def test_a_snapshot_that_is_too_large_starts_nothing(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_SNAPSHOT_LIMIT_MB", "0.001")
    Path("large.bin").write_bytes(b"x" * 5000)
    with pytest.raises(SnapshotException):
        experiment.start_logging()
    assert list(experiment.get_runs()) == []


@pytest.mark.parametrize("source", [None, "."])
def test_start_logging_in_a_workspace_that_cannot_be_written_to(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, source: str | None
) -> None:
    def refuse(path: str, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    Path("new.py").write_text("new = 1")
    monkeypatch.setattr("runyard.record.creation.create_run", refuse)
    monkeypatch.setattr("runyard.history.blobs.BlobStore.put", refuse)
    with pytest.raises((ExperimentExecutionException, SnapshotException)) as caught:
        experiment.start_logging(snapshot_directory=source, outputs=False)
    assert "Permission denied" in caught.value.message
    assert experiment.workspace.path in caught.value.message


def test_get_runs_is_lazy_and_newest_first(experiment: Experiment, workspace: Workspace) -> None:
    for number, parent in enumerate((None, "r0", None)):
        make_run(
            workspace.directory,
            "exp",
            f"r{number}",
            age_s=100 - number,
            parent=parent,
            tags={"n": str(number)},
        )
    make_run(workspace.directory, "other", "elsewhere")
    runs = experiment.get_runs()
    assert iter(runs) is runs
    assert [run.id for run in runs] == ["r2", "r0"]
    assert [run.id for run in experiment.get_runs(include_children=True)] == ["r2", "r1", "r0"]
    assert [run.id for run in experiment.get_runs(tags={"n": "0"})] == ["r0"]
    assert [run.id for run in experiment.get_runs(tags="n", type="hyperdrive")] == []
    first = next(experiment.get_runs())
    assert isinstance(first, Run)
    assert first.experiment is experiment


def test_a_damaged_run_does_not_break_get_runs(
    experiment: Experiment, workspace: Workspace
) -> None:
    make_run(workspace.directory, "exp", "good")
    Path(make_run(workspace.directory, "exp", "bad").run_json).write_text("{")
    with pytest.warns(UserWarning, match="run bad cannot be read"):
        assert [run.id for run in experiment.get_runs()] == ["good"]


def test_tags(experiment: Experiment, workspace: Workspace) -> None:
    assert experiment.tags == {}
    experiment.tag("a", 1)
    experiment.set_tags({"b": None, "c": "3"})
    experiment.remove_tags(["c", "never"])
    assert Experiment(workspace, "exp").tags == {"a": "1", "b": ""}
    experiment.refresh()


def test_archived_experiments_are_left_out(experiment: Experiment, workspace: Workspace) -> None:
    Experiment(workspace, "active").tag("x", "1")

    def names(**filters: Any) -> list[str]:
        return [found.name for found in Experiment.list(workspace, **filters)]

    experiment.archive()
    assert experiment.archived_time is not None
    assert experiment.archived_time.tzinfo is not None
    assert names() == ["active"]
    assert names(view_type="ArchivedOnly") == ["exp"]
    assert names(view_type="All") == ["active", "exp"]
    assert names(tags={"x": "1"}) == ["active"]
    assert names(experiment_name="exp", view_type="All") == ["exp"]
    with pytest.raises(UserErrorException, match="view_type='Some' is not known; give one of"):
        names(view_type="Some")
    with pytest.raises(UserErrorException, match="'exp' cannot be renamed"):
        experiment.reactivate("new")
    experiment.reactivate()
    assert experiment.archived_time is None


def test_delete_spares_runs(experiment: Experiment, workspace: Workspace) -> None:
    experiment.tag("a")
    run = make_run(workspace.directory, "exp")
    with pytest.raises(UserErrorException, match=r"'exp' has runs, which runyard does not delete"):
        Experiment.delete(workspace, "exp")
    assert os.path.exists(run.run_json)
    Experiment(workspace, "empty")
    Experiment.delete(workspace, "empty")
    assert list(workspace.experiments) == ["exp"]
