"""A workspace that another user made, a home of ours, and all commands that only look."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from runyard.cli import program
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from tests.requirements import missing

ANOTHER = 65534
"""nobody, who has no files of ours."""
_READING = Path(__file__).with_name("reading.py")
_TRAIN = """
import os
from azureml.core import Run
run = Run.get_context()
run.log('loss', 1.0)
os.makedirs('outputs', exist_ok=True)
open('outputs/model.bin', 'wb').write(b'weights')
print('trained')
"""


class Scene(NamedTuple):
    """``workspace`` is another user's after `given_away`; ``home`` is ours, and nothing in it is
    to change; ``run`` and ``other`` are completed runs."""

    folder: Path
    workspace: WorkspaceDirectory
    home: Path
    run: RunDirectory
    other: RunDirectory

    def given_away(self) -> None:
        """Everything in the workspace belongs to another user from now on."""
        for parent, folders, names in os.walk(self.folder / "theirs"):
            for name in (*folders, *names):
                os.lchown(os.path.join(parent, name), ANOTHER, ANOTHER)
        os.lchown(self.folder / "theirs", ANOTHER, ANOTHER)

    def unended(self) -> None:
        """The first run has no end, as if its runner had been killed."""
        events = Path(self.run.events)
        lines = events.read_text().splitlines(keepends=True)
        events.write_text("".join(line for line in lines if '"reason"' not in line))
        for path in (Path(self.run.lock), Path(self.run.join("handle.json"))):
            content = json.loads(path.read_text())
            content.pop("run", None)  # else it would be seen to be a copy
            path.write_text(json.dumps(content) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Run all commands that only look; each of them ends, with no defect of runyard."""
        here = Path(__file__).parents[2]
        words = [self.workspace.path, self.run.id, self.other.id, str(self.folder / "downloaded")]
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PYTHONPATH": str(here),
        }
        done = subprocess.run(
            [sys.executable, str(_READING), *words],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,  # a reader that waits for a pipe would wait for ever
        )
        assert done.returncode == 0, done.stderr
        said: list[dict[str, Any]] = json.loads(done.stdout)
        defects = [one for one in said if one["strange"] or one["code"] == 70]
        assert not defects, defects
        return said

    def look(self) -> dict[str, tuple[Any, ...]]:
        """Every name in the home: its kind, mode, owner, time and content."""
        found: dict[str, tuple[Any, ...]] = {}
        for path in sorted(self.home.rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            key = str(path.relative_to(self.home))
            found[key] = (about.st_mode, about.st_uid, about.st_mtime_ns, content)
        return found


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two runs that really ran."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "train.py").write_text(_TRAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _ in range(2):
            command = ["submit", "--json", "-f", "--user-managed", "-e", "main", "train.py"]
            result = CliRunner().invoke(program, command)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def scene(two_runs: Path, tmp_path: Path) -> Scene:
    """A copy for every test; only root can make it another user's."""
    if os.geteuid() != 0:
        missing("root", "files of another user can only be made by root")
    shutil.copytree(two_runs, tmp_path / "theirs", symlinks=True)
    workspace = WorkspaceDirectory(str(tmp_path / "theirs/.runyard"))
    Path(workspace.index).unlink(missing_ok=True)
    ids = sorted(os.listdir(workspace.experiment("main")))
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    (home / "secret.txt").write_text("for no other eyes\n")
    (home / "folder/kept.txt").write_text("kept\n")
    one, other = (workspace.run("main", name) for name in ids)
    return Scene(tmp_path, workspace, home, one, other)


Plant = Callable[[Path, Scene], None]
