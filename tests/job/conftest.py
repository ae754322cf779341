import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runyard.job import context, interactive, run, submitted
from runyard.record import creation, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

JOB_PATH = Path(run.__file__).parent / "path"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the checkout, and none finds a workspace above its folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return WorkspaceDirectory(str(tmp_path / "ws"))


@pytest.fixture
def interactive_run(workspace: WorkspaceDirectory) -> Iterator[run.Run]:
    """A run of this very process."""
    directory, _ = interactive.start(workspace, "exp", display_name="mine", tags={"a": 1})
    yield run.Run(directory)
    interactive.end(directory, "complete")


@pytest.fixture
def submitted_directory(workspace: WorkspaceDirectory) -> Iterator[RunDirectory]:
    """A run directory as a runner leaves it when it starts the script; the lock is held."""
    directory = creation.create_run(workspace, "exp", {"type": "azureml.scriptrun", "spec": {}})
    for name in ("outputs", "logs"):
        os.makedirs(os.path.join(directory.work, name))
        os.symlink(os.path.join("work", name), directory.join(name))
    ownership = owner.take(directory.lock)
    assert ownership is not None
    owner.sign(ownership, owner.identity())
    EventLog(directory).status(Status.RUNNING)
    yield directory
    ownership.release()


@pytest.fixture
def submitted_run(
    submitted_directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> submitted.SubmittedRun:
    monkeypatch.setenv(context.RUN_DIRECTORY, submitted_directory.path)
    found = run.Run.get_context(allow_offline=False)
    assert isinstance(found, submitted.SubmittedRun)
    return found


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Run code as a training script: a clean interpreter with only ``job/path`` on its path."""

    def call(
        code: str, *, python: str = sys.executable, directory: "RunDirectory | None" = None
    ) -> "subprocess.CompletedProcess[str]":
        path = tmp_path / "script.py"
        path.write_text(code, encoding="utf-8")
        env = {"PATH": os.defpath, "PYTHONPATH": str(JOB_PATH), "TMPDIR": str(tmp_path)}
        if directory is not None:
            env.update(context.variables(directory, {}, "ws", sys.executable))
        return subprocess.run(
            [python, "-S", "-W", "error", str(path)], capture_output=True, text=True, env=env
        )

    return call
