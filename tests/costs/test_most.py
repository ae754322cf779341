"""No step takes more of the kernel than is written down in ``most.py``, whatever the machine does.

Times are measured by ``benchmarks``; these counts tell on a busy machine as well that a step does
more than it did.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import runyard
from benchmarks.bench_index import make_runs
from runyard import Workspace
from tests.costs import programs
from tests.costs.most import MOST
from tests.costs.tracing import KNOWN, Trace, ends, mark, starts, trace
from tests.slurm_cluster import SlurmCluster

PACKAGE = Path(runyard.__file__).parent
RUNNER = '"-I", "-S"'
TOO_LITTLE = 2 / 3
"""Of what is written down: then that should be lowered, or nothing was counted."""


def check(name: str, costs: Counter[str]) -> None:
    """Raises AssertionError for any number above, or far below, what is written down."""
    most = MOST[name]
    for kind in sorted({*costs, *most}):
        counted, limit = costs[kind], most.get(kind, 0)
        change = f"write the new number into tests/costs/most.py; all are {dict(costs)}"
        assert counted <= limit, f"{name}: {counted} {kind}, at most {limit}; if need be, {change}"
        assert counted >= limit * TOO_LITTLE, f"{name}: {counted} {kind}, not {limit}; {change}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(programs.SCRIPT)
    return tmp_path


def traced(folder: Path, program: str, *arguments: object, calls: str = KNOWN) -> Trace:
    """What a program of ``programs`` does from its mark "begin" on."""
    argv = [sys.executable, "-c", program, str(folder), *map(str, arguments)]
    return trace(folder / "trace", argv, calls).since(mark("begin"))


def costs(folder: Path, program: str, *arguments: object) -> Counter[str]:
    """What it asks of files below the folder between its marks."""
    return traced(folder, program, *arguments).until(mark("end")).below(folder).costs()


def client(lines: Trace, folder: Path) -> Counter[str]:
    """What the submitting process did until submit() returned; programs wherever they are."""
    pid = lines.first(mark("end")).pid
    return lines.until(mark("end")).of(pid).below(folder).costs()


def runners(lines: Trace, folder: Path) -> Counter[str]:
    """What it asks of files below the folder, and the modules that it reads."""
    opened = {call.path for call in lines.below(PACKAGE).calls if call.kind == "opens"}
    modules = sum(path.endswith(".pyc") for path in opened)
    return lines.below(folder).costs() + Counter(modules=modules)


def test_a_local_run(folder: Path) -> None:
    lines = traced(folder, programs.SUBMIT, "local")
    check("submit", client(lines, folder))
    runner = lines.first(starts(RUNNER)).pid
    script = lines.first(starts('"train.py"')).pid
    before = lines.until(starts('"train.py"')).of(runner)
    check("runner, to the script", runners(before, folder))
    behind = lines.since(ends(script)).until(ends(runner)).of(runner)
    check("runner, from the script's end", runners(behind, folder))


def test_a_run_of_a_pool(folder: Path) -> None:
    lines = traced(folder, programs.SUBMIT, "pool")
    check("submit to a pool", client(lines, folder))


def test_a_run_of_slurm(folder: Path, slurm: SlurmCluster) -> None:
    lines = traced(folder, programs.SUBMIT, "slurm").until(mark("end"))
    started = [call for call in lines.calls if call.name == "execve" and call.result == 0]
    assert [Path(call.path).name for call in started] == ["sbatch"]
    check("submit to Slurm", lines.of(lines.calls[0].pid).below(folder).costs())


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("100 runs more in a list", programs.LIST),
        ("100 runs more behind the newest 20 of runyard runs", programs.RUNS),
    ],
)
def test_runs_of_a_workspace(tmp_path: Path, name: str, program: str) -> None:
    counted = []
    for number in (20, 120):
        folder = tmp_path / f"{number}"
        make_runs(Workspace.create("costs", path=folder, show_output=False).directory, number)
        counted.append(costs(folder, program))
    check(name, counted[1] - counted[0])


def test_a_run_that_is_shown(tmp_path: Path) -> None:
    counted = []
    for number in (20, 120):
        folder = tmp_path / f"{number}"
        workspace = Workspace.create("costs", path=folder, show_output=False).directory
        counted.append(costs(folder, programs.SHOW, make_runs(workspace, number).id))
    assert counted[0]["opens"] > 3
    check("100 runs more beside one that is shown by its id", counted[1] - counted[0])


def test_a_number_that_is_logged(tmp_path: Path) -> None:
    lines = traced(tmp_path, programs.LOG, calls="all").until(mark("end"))
    check("100 calls of run.log", lines.costs())


def test_an_unchanged_source_folder(tmp_path: Path) -> None:
    counted = []
    for number in (20, 120):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        counted.append(costs(folder, programs.SNAPSHOT, number))
    check("100 unchanged files more in a snapshot", counted[1] - counted[0])


def test_an_environment_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    check("environment found", costs(tmp_path, programs.FOUND))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("import runyard", "import runyard"),
        ("runyard --version", "from runyard.cli import main; main(['--version'])"),
        ("Workspace, Experiment", "from runyard import Experiment, ScriptRunConfig, Workspace"),
    ],
)
def test_imports(name: str, code: str) -> None:
    told = "import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    done = subprocess.run([sys.executable, "-c", told + code], capture_output=True, text=True)
    loaded = [name for name in done.stderr.split() if name.partition(".")[0] == "runyard"]
    check(name, Counter(modules=len(loaded)))
