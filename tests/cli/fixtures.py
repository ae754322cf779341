"""A project to submit from, the commands in this process, and a workspace with a history."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from runyard.cli import program
from runyard.record import owner
from runyard.record.layout import RunDirectory
from tests.cli.processes import wait_for

TRAIN = """
import os, sys
from runyard import Run
run = Run.get_context()
for step, loss in enumerate([3.0, float('nan'), 1.0]):
    run.log('loss', loss, step=step)
run.log('accuracy', 0.5)
run.log('best', float('inf'))
run.log_table('table', {'a': [1, 2], 'b': [0.5, 0.25]})
os.makedirs('outputs/sub', exist_ok=True)
open('outputs/model.bin', 'wb').write(b'\\0' * 1500)
open('outputs/sub/notes.txt', 'w').write('notes')
print('trained', *sys.argv[1:])
"""


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_not_json)

    @property
    def words(self) -> str:
        """Stderr with its white space made even."""
        return " ".join(self.err.split())


def _not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


Invoke = Callable[..., Said]


@pytest.fixture
def invoke() -> Invoke:
    """Run a command in this process."""

    def run(*words: object, env: dict[str, str] | None = None, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(program, [str(word) for word in words], stdin, env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current directory; nothing above it holds a workspace."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


class History(NamedTuple):
    """A project with a workspace of three ended runs, oldest first."""

    folder: Path
    good: RunDirectory
    exits: RunDirectory
    raises: RunDirectory


@pytest.fixture(scope="session")
def ended_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("history")
    (folder / "train.py").write_text(TRAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ids = [
            _submitted("--name", "the good one", "--tag", "stage=final", "train.py", "--lr", 0.1)
        ]
        (folder / "train.py").write_text("import sys\nprint('before')\nsys.exit(3)\n")
        (folder / "added.txt").write_text("new\n")
        ids.append(
            _submitted("--env", "MODE=b", "--tag", "mark", "train.py", "--lr", 0.2, "--fast")
        )
        (folder / "train.py").write_text("def f():\n    raise ValueError('bad value')\nf()\n")
        ids.append(_submitted("-e", "other", "train.py"))
    return folder, ids


def _submitted(*words: object) -> str:
    command = ["submit", "--json", "-f", "--user-managed", "-e", "main", *map(str, words)]
    result = CliRunner().invoke(program, command)
    found: str = json.loads(result.stdout)["run_id"]
    lock = run_directory(Path.cwd(), found).lock
    # The runner ends a moment after its run; until then files come and go.
    wait_for(lambda: not owner.is_held(lock))
    return found


@pytest.fixture
def history(
    ended_runs: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> History:
    """A copy for every test, which is the current directory."""
    original, ids = ended_runs
    folder = tmp_path / "history"
    shutil.copytree(original, folder, symlinks=True)
    monkeypatch.chdir(folder)
    runs = [run_directory(folder, run_id) for run_id in ids]
    return History(folder, *runs)


def run_directory(folder: Path, run_id: str) -> RunDirectory:
    """The directory of a run in the workspace of a project."""
    (found,) = folder.glob(f".runyard/runs/*/{run_id}")
    return RunDirectory(str(found))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder: names, times and contents."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in folder.rglob("*")
    }
