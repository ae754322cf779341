"""What a run costs, counted: starts and imports are as many on a busy machine as on any."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from runyard import launchers
from runyard.record import ranks
from runyard.record.layout import RunDirectory
from runyard.testing import runs
from tests.requirements import missing

SCRIPTS = Path(launchers.__file__).parent
HEAVY = {
    *("json", "re", "enum", "functools", "collections", "subprocess", "signal", "contextlib"),
    *("threading", "selectors", "locale", "typing", "warnings", "importlib", "shutil", "tempfile"),
}
"""Of the standard library: each takes 0.5 to 5 ms of the script's start."""

SUBMIT = """
import sys
from runyard import Environment, Experiment, ScriptRunConfig, Workspace
environment = Environment("current")
environment.python.user_managed_dependencies = True
environment.python.interpreter_path = sys.executable
config = ScriptRunConfig(sys.argv[2], "train.py", environment=environment, compute_target="local")
workspace = Workspace.create("costs", path=sys.argv[1], exist_ok=True)
Experiment(workspace, "costs").submit(config).wait_for_completion(show_output=False)
"""


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    if shutil.which("strace") is None:
        missing("strace", "strace is not here")
    return Traced(tmp_path / "trace")


class Traced:
    """Runs programs, and counts what they and their children ask of the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []

    def __call__(self, calls: str, argv: Sequence[str], **variables: str) -> list[str]:
        command = ["strace", "-f", "-s", "200", "-o", str(self.path), "-e", f"trace={calls}", *argv]
        kept = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, env={**kept, **variables}, check=True, timeout=120)
        return self.path.read_text(errors="replace").splitlines()


STARTS = "execve,clone,clone3,fork,vfork"


def started(lines: list[str]) -> tuple[int, int]:
    """New processes, and programs that were started; a call cut in two is said at its end."""
    forks = re.compile(r"(clone|clone3|fork|vfork)(\(| resumed>).* = [1-9][0-9]*$")
    programs = re.compile(r"execve(\(| resumed>).* = 0$")
    return sum(bool(forks.search(line)) for line in lines), sum(
        bool(programs.search(line)) for line in lines
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = runs.make_run(runs.workspace(tmp_path))
    os.makedirs(ranks.failed_folder(directory))
    return directory


def booted() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return f"{boot} {int((time.time() - up_s) * 100) - 1}"


def test_a_rank_starts_nothing_but_its_program(traced: Traced, run: RunDirectory) -> None:
    rank = {"RUNYARD_RUN_DIRECTORY": run.path, "RUNYARD_RANK": "0", "RUNYARD_WORLD_SIZE": "1"}
    argv = ["sh", str(SCRIPTS / "rank.sh"), "/bin/true"]
    lines = traced(STARTS, argv, **rank, RUNYARD_BOOTED=booted())
    assert started(lines) == (1, 2)


def test_a_rank_of_mpi_is_put_in_a_session_of_its_own(traced: Traced, run: RunDirectory) -> None:
    rank = {"RUNYARD_RUN_DIRECTORY": run.path, "PMI_RANK": "0", "PMI_SIZE": "1"}
    argv = ["sh", str(SCRIPTS / "mpi_rank.sh"), "/bin/true"]
    lines = traced(STARTS, argv, **rank, RUNYARD_BOOTED=booted(), RUNYARD_MPI_BELOW="1")
    assert started(lines) == (2, 4)


_STANDARD = re.compile(r"/lib/python3[.0-9]*/(?:(?:lib-dynload|__pycache__)/)?(\w+)")


def test_what_a_runner_imports_before_the_script(traced: Traced, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('trained')\n")
    argv = [sys.executable, "-c", SUBMIT, str(tmp_path / "workspace"), str(source)]
    subprocess.run(argv, check=True, timeout=120)  # compiles
    lines = traced("execve,openat", argv)
    began = next(n for n, line in enumerate(lines) if '"-I", "-S"' in line and "execve(" in line)
    runner = lines[began].split()[0]
    end = next(n for n, line in enumerate(lines) if n > began and '"train.py"' in line)
    opened = [line for line in lines[began:end] if line.split()[0] == runner and ".py" in line]
    names = {
        match[1]
        for line in opened
        if (match := re.search(r"/lib/python3[.0-9]*/(?:(?:lib-dynload|__pycache__)/)?(\w+)", line))
    }
    assert "__future__" in names
    assert names & HEAVY == set()
