"""Damage that no command meets: snapshots that are run again, and what the API alone reads."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.computes.local import LocalTarget
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.faults import everything
from tests.faults.commands import typed


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "removed": Path.unlink,
    "folder": folder,
}


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project, and its run of one process that has completed."""
    folder = tmp_path_factory.mktemp("records")
    made = everything.make(folder / "project", folder / "tools")
    return folder / "project", made.runs["plain"].id


@pytest.fixture
def project(whole: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, which is the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(whole[0], folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


@pytest.fixture
def run(whole: tuple[Path, str], project: Path) -> RunDirectory:
    """The run in the copy."""
    return RunDirectory(str(project / ".runyard/runs/exp" / whole[1]))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["manifest", "blob"])
def test_a_damaged_snapshot_is_named_by_who_runs_it_again(
    run: RunDirectory, kind: str, damage: str
) -> None:
    """The run does not start with half a script, and ends with a sentence that names the file."""
    snapshot = json.loads(Path(run.run_json).read_text())["snapshot"]
    manifest = Path(run.workspace.manifest(snapshot))
    blob = json.loads(manifest.read_text())["entries"][0][3]
    damaged = manifest if kind == "manifest" else Path(run.workspace.blobs, blob[:2], blob)
    DAMAGES[damage](damaged)
    said = typed("rerun", "-f", run.id)
    assert said.code != 0
    assert damaged.stem in said.err, said.err
    if kind == "blob" and damage in ("half", "removed"):
        assert f"{str(damaged)!r}" in said.err
        assert "runyard verify --repair, then submit its source folder again." in said.err
    assert "Traceback" not in said.err
    assert "trained" not in said.out


@pytest.mark.parametrize("damage", ["half", "garbage"])
def test_a_submit_mends_a_damaged_blob(project: Path, damage: str) -> None:
    """What is stored again is compared by its size; `runyard verify` compares all of it."""
    script = "print('a script of its own')\n" * 9
    (project / "train.py").write_text(script)
    command = ("submit", "-f", "--user-managed", "train.py")
    assert typed(*command).code == 0
    blobs = [
        path for path in project.glob(".runyard/blobs/*/*") if path.stat().st_size == len(script)
    ]
    (blob,) = [path for path in blobs if path.read_text() == script]
    DAMAGES[damage](blob)
    shutil.rmtree(project / ".runyard/cache")
    said = typed(*command)
    assert said.code == 0, said.err
    assert blob.read_text() == script


@pytest.mark.parametrize("damage", ["half", "garbage", "folder"])
def test_experiments_and_environments_that_cannot_be_read(
    project: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = Workspace.at(project)
    settings = project / ".runyard/experiments/exp.json"
    DAMAGES[damage](settings)
    with pytest.raises(UserErrorException, match=f"rm -r {settings}"):
        _ = Experiment(workspace, "exp").tags
    with pytest.warns(UserWarning, match="exp.json"):
        assert [found.name for found in Experiment.list(workspace)] == ["exp"]
    registered = project / ".runyard/environments/built/1.json"
    DAMAGES[damage](registered)
    with caplog.at_level(logging.WARNING), pytest.raises(UserErrorException, match="built"):
        Environment.get(workspace, "built")
    assert str(registered) in caplog.text


def test_an_end_that_was_cut_off_is_kept(project: Path, run: RunDirectory) -> None:
    """Power went while the last line was on its way: the run has ended as that line says."""
    events = Path(run.events)
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[:-1]) + lines[-1][: lines[-1].index(b'"exit_code"')])
    time.sleep(0.01)  # longer than a tick of the times of files
    os.utime(run.path)
    Workspace.at(project)
    state = read_state(run)
    assert state.reason is Reason.COMPLETED
    assert state.detail["message"].startswith("The line that said how the run ended was cut off")


def test_a_run_whose_end_cannot_be_read_is_not_waited_for(run: RunDirectory) -> None:
    events = Path(run.events)
    events.write_bytes(events.read_bytes().replace(b'"Completed"', b'"Com\xffleted"'))
    before = events.read_bytes()
    said = typed("cancel", run.id)
    assert said.code == 2
    assert f"{events}:" in said.err
    assert "Put a copy of its files back, or remove its folder" in said.err
    assert events.read_bytes().startswith(before)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list_of_files_is_named_by_who_compares_runs(
    whole: tuple[Path, str], run: RunDirectory, damage: str
) -> None:
    snapshot = json.loads(Path(run.run_json).read_text())["snapshot"]
    DAMAGES[damage](Path(run.workspace.manifest(snapshot)))
    said = typed("diff", run.id, run.id)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert f"{snapshot}.json" in said.err
    assert "Put a copy of it back, or submit the source folder again" in said.err


def test_damaged_events_of_what_goes_on_are_named_by_lists(tmp_path: Path) -> None:
    """Of a child of an interactive run: its process is this one, and lives."""
    parent = Experiment(Workspace.create("tests", path=tmp_path), "exp").start_logging(
        snapshot_directory=None
    )
    child = parent.child_run("child")
    child.complete()
    events = Path(child.directory.events)
    events.write_bytes(b"\xff\n")
    said = typed("-w", str(tmp_path), "runs", "--all")
    parent.complete()
    assert (said.code, said.err.count("warning: ")) == (0, 1)
    assert f"run {child.id} is listed as NotStarted, which is all that can be read" in said.err
    assert f"{events}:1: " in said.err
    assert "was written before, put a copy of the file back" in said.err


def test_a_living_run_goes_on_when_its_files_are_damaged(tmp_path: Path) -> None:
    """Its runner holds them open, or has read them: the true end is written."""
    workspace: WorkspaceDirectory = runs.workspace(tmp_path)
    flag = tmp_path / "go"
    script = f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.01)\n"
    run = runs.make_run(workspace, script + "raise SystemExit(7)")
    runs.start(LocalTarget(), run)
    runs.wait_for(lambda: read_state(run).status is Status.RUNNING)
    for name in ("run.json", "environment.json"):
        Path(run.path, name).write_bytes(b"\xff")
    Path(workspace.index).write_bytes(b"\xff" * 5000)
    assert typed("-w", workspace.path, "runs").code == 0
    assert not read_state(run).status.ended
    flag.touch()
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 7)
