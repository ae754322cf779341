"""A power cut at every call of a submit, its runner and a client that waits.

``power`` says what the disk has then; the workspace is opened there, as after a restart.
RUNYARD_TEST_POWER=1: after every call that changes something, not every sixth.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from runyard.history import damaged_runs
from runyard.record import owner
from runyard.record.events import read_state
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason
from tests.faults import laws, power
from tests.faults.commands import typed
from tests.requirements import missing

STEP = 1 if "RUNYARD_TEST_POWER" in os.environ else 6
BY_CUT = ("snapshot is whole", "blobs are what they are called")
"""Laws about what is not synced: a content that is short is stored again."""


def _submitted(tmp_path: Path) -> tuple[Path, list[power.Call], power.Disk]:
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text("from runyard import Run\nRun.get_context().log('a', 1)\n")
    program = [sys.executable, "-m", "runyard"]
    environ = {**os.environ, "UV_OFFLINE": "1"}
    calls = power.recorded(project, [*program, "init", "tests"], environ, tmp_path / "init")
    disk = power.Disk(project)
    words = ["submit", "-f", "-e", "exp", "--user-managed", "train.py"]
    calls = power.recorded(project, [*program, *words], environ, tmp_path / "trace")
    return project, calls, disk


def _is_said(call: power.Call, text: bytes) -> bool:
    """Whether somebody was told of it."""
    return call.name == "write" and call.words.startswith((b"1<", b"2<")) and text in call.words


@pytest.mark.parametrize("world", [power.SYNCED, power.ALL])
def test_what_was_said_is_there_after_a_power_cut(
    tmp_path: Path, world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("strace") is None:
        missing("strace", "strace is not here")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    project, calls, disk = _submitted(tmp_path)
    [run_id] = os.listdir(project / ".runyard/runs/exp")
    shutil.rmtree(project)
    told, ended, number, looked = False, False, 0, 0
    for call in calls:
        told = told or _is_said(call, b"run " + run_id.encode())
        ended = ended or _is_said(call, b"Completed")
        number += disk.does(call)
        if number % STEP or number == looked:
            continue
        looked = number
        _look(disk, world, project, run_id, told=told, ended=ended)
    assert told
    assert ended
    assert looked > 10
    _look(disk, world, project, run_id, told=True, ended=True)


def _look(
    disk: power.Disk, world: str, folder: Path, run_id: str, *, told: bool, ended: bool
) -> None:
    """Open what is left as a user does, after a restart of the machine."""
    disk.left(world, folder)
    _restart(folder)
    said_of_runs = ""
    damaged_runs._warned.clear()
    for words in (("runs",), ("verify",), ("gc", "--grace", "0")):
        said = typed("-w", folder, *words)
        without_runs = words[0] == "gc" and not (folder / ".runyard/runs").exists()
        said_of_runs += said.err if words[0] == "runs" else ""
        assert said.code in ((2,) if without_runs else (0, 1)), (folder, words, said)
    workspace = WorkspaceDirectory(str(folder / ".runyard"))
    begun = workspace.run("exp", run_id)
    if os.path.exists(begun.run_json) and not os.path.getsize(begun.run_json):
        # It was about to be synced: a run that nobody was told of, and that never began.
        assert not told
        assert f"run {run_id} cannot be read and is listed as Damaged" in said_of_runs
        assert f"remove its folder {begun.path}" in said_of_runs
        shutil.rmtree(begun.path)
    laws.settle(workspace, later_s=60)
    found = [run.id for run in laws.runs(workspace)]
    breaches = laws.broken(workspace, [run_id] if told else [], tidy=False)
    assert [text for text in breaches if not text.startswith(BY_CUT)] == [], folder
    if ended:
        assert read_state(workspace.run("exp", run_id)).reason is Reason.COMPLETED
    os.chdir(folder)
    again = typed("submit", "-f", "-e", "exp", "--user-managed", "train.py")
    assert again.code == 0, (folder, again)
    assert len(laws.runs(workspace)) == len(found) + 1
    laws.settle(workspace)  # its runner has ended as well
    os.chdir(folder.parent)
    shutil.rmtree(folder)


def _restart(folder: Path) -> None:
    """Of what ran then nothing runs: records are of another boot."""
    boot = owner.identity()["boot"].encode()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and boot in (text := path.read_bytes()):
            path.write_bytes(text.replace(boot, b"another"))
