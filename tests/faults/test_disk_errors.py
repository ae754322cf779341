"""Disks that answer with errors (EIO), by strace, and those that may only be read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runyard.record.events import read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from tests.faults import laws, permissions
from tests.faults.commands import Said, typed
from tests.requirements import missing

TRAIN = """
from runyard import Run
run = Run.get_context()
run.log('loss', 0.5)
run.tag('a', 'b')
open('outputs/a.txt', 'w').write('A')
print('trained')
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a workspace with one run in it."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "train.py").write_text(TRAIN)
    assert submit().code == 0
    laws.settle(WorkspaceDirectory(str(folder / ".runyard")))
    return folder


def submit() -> Said:
    return typed("submit", "-f", "--user-managed", "-e", "exp", "--json", "train.py")


def only_run(project: Path) -> RunDirectory:
    (found,) = laws.runs(WorkspaceDirectory(str(project / ".runyard")))
    return found


def faulty(calls: str, when: str, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """A command some of whose system calls, and of its runner's, fail with EIO."""
    if shutil.which("strace") is None:
        missing("strace", "strace is not here")
    only = ["-P", path] if path else []
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={when}"]
    program = [sys.executable, "-m", "runyard", *words]
    command = ["strace", "-f", "-qq", "-o", os.devnull, *only, *inject, *program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["run.json", "events.jsonl", "notes", "metrics", "std_log.txt"])
def test_a_file_of_a_run_that_cannot_be_read(project: Path, name: str) -> None:
    """The sentence names it; nothing of it is remembered when the disk answers again."""
    run = only_run(project)
    found = next(path for path in Path(run.path).rglob("*") if path.name == name)
    path = str(found if found.is_file() else next(found.iterdir()))
    before = Path(run.events).read_bytes()
    for words in (["runs"], ["show", run.id], ["metrics", run.id], ["logs", run.id]):
        done = faulty("read,pread64", "1+", *words, path=path)
        assert done.returncode in (0, 2), done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or "Input/output error" in done.stderr
    assert Path(run.events).read_bytes() == before
    assert [(e["run_id"], e["status"]) for e in json.loads(typed("runs", "--json").out)] == [
        (run.id, "Completed")
    ]


@pytest.mark.parametrize("calls", ["pread64", "pwrite64", "fdatasync", "fsync", "openat"])
def test_an_index_that_cannot_be_read_or_written(project: Path, calls: str) -> None:
    run = only_run(project)
    for ending in ("", "-wal"):
        os.utime(run.path)
        path = f"{project}/.runyard/index.db{ending}"
        done = faulty(calls, "1+", "runs", "--json", path=path)
        assert done.returncode == 0, done.stderr
        assert [entry["run_id"] for entry in json.loads(done.stdout)] == [run.id]


@pytest.mark.parametrize("when", ["1", "2", "3", "4", "1+"])
@pytest.mark.parametrize("calls", ["fsync", "rename"])
def test_a_submit_whose_disk_has_errors(project: Path, calls: str, when: str) -> None:
    """The run that was told of ends as it did; where none was, the sentence says why."""
    workspace = WorkspaceDirectory(str(project / ".runyard"))
    before = {run.id for run in laws.runs(workspace)}
    done = faulty(calls, when, "submit", "--user-managed", "-e", "exp", "--json", "train.py")
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "Input/output error" in done.stderr
    told = {json.loads(done.stdout)["run_id"]} if done.returncode == 0 else set()
    laws.settle(workspace)
    laws.hold(workspace, said=before | told)
    made = [run for run in laws.runs(workspace) if run.id not in before]
    assert told <= {run.id for run in made}
    for run in made:
        assert read_state(run).reason in (Reason.COMPLETED, Reason.LAUNCH_FAILED)
        ends = [event for event in read_state(run).events if "reason" in event]
        assert len(ends) == 1


@pytest.fixture(params=["mount", "permissions"])
def read_only(project: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """From the call on the workspace of the project may only be read."""
    place, mounted = str(project / ".runyard"), False
    held = permissions.respected()

    def begin() -> None:
        nonlocal mounted
        if request.param == "permissions":
            for path in [project, *project.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & ~0o222)
            held.__enter__()
            return
        bind = subprocess.run(["mount", "--bind", place, place], capture_output=True, check=False)
        if os.geteuid() != 0 or bind.returncode != 0:
            missing("mount", "a folder can only be mounted by root")
        mounted = True
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)

    yield begin
    if request.param == "permissions":
        held.__exit__(None, None, None)
        for path in [project, *project.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o700)
    if mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_workspace_that_may_only_be_read(
    project: Path, tmp_path: Path, read_only: Callable[[], None]
) -> None:
    run = only_run(project).id
    read_only()
    for words in (
        *(["runs"], ["show", run], ["logs", run], ["metrics", run], ["files", run], ["models"]),
        *(["datastore", "list"], ["dataset", "list"], ["compute", "list"], ["cancel", run]),
        *(["download", run, "-o", tmp_path / "got"], ["submit", "--plan", "train.py"]),
        ["reindex"],
    ):
        said = typed(*words)
        assert said.code == 0, (words, said.err)
    assert (tmp_path / "got/outputs/a.txt").read_text() == "A"
    for words in (
        ["submit", "--user-managed", "train.py"],
        ["rerun", run],
        ["compute", "create", "pool", "--max-nodes", "2"],
        ["datastore", "register", "others", project],
    ):
        said = typed(*words)
        why = "Read-only file system" in said.err or "Permission denied" in said.err
        assert (said.code, why) == (2, True), (words, said)
        assert len(said.err.strip().splitlines()) == 1
