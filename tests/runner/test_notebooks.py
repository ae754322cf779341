"""Notebooks run through the real papermill, under old and new Pythons."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import PyTorchConfiguration
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record.events import State
from runyard.record.states import Reason
from runyard.testing import runs
from tests.memory_groups import LOOKED, memory_group
from tests.requirements import missing

# One worker, so that each environment is built once.
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("notebooks")]

OLDEST, NEWEST = "3.6", "3.13"


def notebook(*cells: str, kernel: str = "of another machine") -> str:
    """A notebook; a cell that begins with '# parameters' is tagged as that of the parameters."""
    made: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "metadata": {"tags": ["parameters"] if cell.startswith("# parameters") else []},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for cell in cells
    ]
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return json.dumps(
        {"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 2}
    )


class Notebooks:
    """Submits notebooks to an environment of one Python."""

    def __init__(self, folder: Path, scratch: Path, python: str) -> None:
        self.scratch = scratch
        self.source = folder / "source"
        self.source.mkdir()
        workspace: Any = Workspace.create("tests", path=str(folder / "ws"), show_output=False)
        self._experiment = Experiment(workspace, "exp")
        self._environment = Environment(f"python-{python}")
        self._environment.python.conda_dependencies.set_python_version(python)

    def submit(self, *cells: str, arguments: tuple[object, ...] = (), **settings: Any) -> Run:
        (self.source / "nb").mkdir(exist_ok=True)
        (self.source / "nb" / "train.ipynb").write_text(notebook(*cells))
        config = ScriptRunConfig(
            self.source,
            "nb/train.ipynb",
            list(arguments),
            environment=self._environment,
            **settings,
        )
        config.run_config.environment_variables = {"TMPDIR": str(self.scratch)}
        return config.submit_to(self._experiment)

    def ended(self, *cells: str, **given: Any) -> tuple[State, Run]:
        run = self.submit(*cells, **given)
        return finish(run), run


def finish(run: Run) -> State:
    state = runs.finish(run.directory, timeout_s=180)
    log = Path(run.directory.environment_log).read_text()
    if state.reason is Reason.ENVIRONMENT_FAILED and "cannot be reached" in log:
        missing("index", "no package index can be reached")
    return state


def output(run: Run) -> dict[str, Any]:
    path = Path(run.directory.path) / "outputs" / "train.output.ipynb"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def said(run: Run) -> str:
    """The text of all outputs in the notebook that was written."""
    outputs = [o for cell in output(run)["cells"] for o in cell.get("outputs", ())]
    return "".join("".join(o.get("text", "")) for o in outputs)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """For temporary files; its path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nb") as folder:
        yield Path(folder)


@pytest.fixture(params=[OLDEST, NEWEST])
def notebooks(
    request: pytest.FixtureRequest, tmp_path: Path, scratch: Path, tool: Callable[[str], str]
) -> Notebooks:
    tool(f"python{request.param}")
    return Notebooks(tmp_path, scratch, request.param)


@pytest.fixture
def newest(tmp_path: Path, scratch: Path, tool: Callable[[str], str]) -> Notebooks:
    tool(f"python{NEWEST}")
    return Notebooks(tmp_path, scratch, NEWEST)


def test_a_notebook_runs_as_a_script_does(notebooks: Notebooks) -> None:
    (notebooks.source / "nb").mkdir()
    (notebooks.source / "nb" / "beside.py").write_text("NAME = 'beside'")
    (notebooks.source / "papermill.py").write_text("raise ImportError('the wrong one')")
    (notebooks.source / "data.txt").write_text("data")
    state, run = notebooks.ended(
        "# parameters\nrate = 1.0\nflag = False\nlayers = []\nkept = 'kept'",
        "import beside, os, sys\nprint(beside.NAME, open('data.txt').read(), sys.executable)",
        "print(rate + 1, flag, layers, kept)",
        "from azureml.core import Run\nRun.get_context().log('rate', rate)",
        "import sys; sys.stderr.write('ä warning\\n')\n{'shown': 1}",
        arguments=("--rate", 0.5, "--flag", "--layers", 64, 32),
    )
    log = runs.log_of(run.directory)
    assert state.reason is Reason.COMPLETED, log
    python = json.loads(Path(run.directory.environment_json).read_text())["python"]
    assert f"beside data {python}\n1.5 True [64, 32] kept\n" in log
    assert "ä warning\n{'shown': 1}\n" in log
    assert run.get_metrics() == {"rate": 0.5}
    assert "1.5 True [64, 32] kept\n" in said(run)
    assert not list(notebooks.scratch.iterdir())


def test_a_cell_that_fails_is_named_and_what_came_before_is_kept(notebooks: Notebooks) -> None:
    state, run = notebooks.ended("print('done')", "def f():\n    1 / 0\n\nf()", "print('never')")
    assert state.reason is Reason.SCRIPT_EXCEPTION
    error = state.detail["error"]
    assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")
    where = {"file": "nb/train.ipynb", "line": 4, "function": "cell 2 (In [2])"}
    assert error["location"] == where
    assert "----> 2     1 / 0" in error["traceback"]
    assert said(run) == "done\n"


@pytest.mark.parametrize(
    ("cell", "reason", "code"),
    [
        ("import sys; sys.exit(3)", Reason.SCRIPT_EXIT_CODE, 3),
        ("import sys; sys.exit()", Reason.COMPLETED, 0),
        ("import os; os._exit(7)", Reason.SCRIPT_EXIT_CODE, 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Reason.SIGNAL, 139),
        ("raise MemoryError()", Reason.OUT_OF_MEMORY, 1),
    ],
)
def test_a_notebook_ends_as_a_script_would(
    newest: Notebooks, cell: str, reason: Reason, code: int
) -> None:
    state, run = newest.ended("print('done')", cell, "print('never')")
    assert (state.reason, state.detail["exit_code"]) == (reason, code)
    assert said(run) == "done\n"
    assert "never" not in runs.log_of(run.directory)


def test_a_kernel_for_which_memory_runs_out(newest: Notebooks) -> None:
    with memory_group(64) as entrance:
        hog = f"""
import os
{LOOKED}
for process in (os.getppid(), os.getpid()):
    with open({entrance!r}, "w") as file:
        file.write(str(process))
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("1000")  # this one is chosen, and not the one that tells of its end
until_the_runner_has_looked()
kept = []
while True:
    kept.append(bytearray(1 << 20))
"""
        state, run = newest.ended("print('done')", hog)
    assert state.reason is Reason.OUT_OF_MEMORY, runs.log_of(run.directory)
    assert "the kernel was ended by SIGKILL in cell 2" in runs.log_of(run.directory), _dmesg()
    assert said(run) == "done\n"


def _dmesg() -> str:
    """Whom the kernel of this machine killed, among others."""
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout[-3000:]


_SAVING = """
import signal, sys, time

def save(*_):
    print("saved", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
print("waiting", flush=True)
time.sleep(600)
"""


def test_a_notebook_is_cancelled_with_its_kernel(notebooks: Notebooks) -> None:
    run = notebooks.submit("print('done')", _SAVING)
    runs.wait_for(lambda: "waiting\n" in runs.log_of(run.directory), timeout_s=180)
    run.cancel()
    state = finish(run)
    assert state.reason is Reason.CANCELLED
    assert "killed_processes" not in state.detail
    assert said(run) == "done\nwaiting\nsaved\n"
    assert processes.of_run(run.directory.path) == []


def test_a_kernel_that_does_not_hear_ends_at_the_limit(newest: Notebooks) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    run = newest.submit(
        f"{deaf}print('waiting', flush=True)\ntime.sleep(600)", max_run_duration_seconds=6
    )
    state = finish(run)
    assert state.reason is Reason.TIME_LIMIT
    assert processes.of_run(run.directory.path) == []


def test_output_comes_as_it_is_printed(newest: Notebooks) -> None:
    waits = "while not os.path.exists(os.environ['TMPDIR'] + '/seen'): time.sleep(0.05)"
    run = newest.submit(f"import os, time\nprint('first', flush=True)\n{waits}\nprint('last')")
    runs.wait_for(lambda: "first\n" in runs.log_of(run.directory), timeout_s=180)
    assert "last\n" not in runs.log_of(run.directory)
    (newest.scratch / "seen").touch()
    assert finish(run).reason is Reason.COMPLETED
    assert "last\n" in runs.log_of(run.directory)


def test_a_cell_that_may_fail_fails_nothing(newest: Notebooks) -> None:
    text = json.loads(notebook("1 / 0", "print('on')"))
    text["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    run = newest.submit()
    finish(run)
    (newest.source / "nb" / "{odd} name.ipynb").write_text(json.dumps(text))
    config = ScriptRunConfig(newest.source, "nb/{odd} name.ipynb", environment=newest._environment)
    run = config.submit_to(newest._experiment)
    assert finish(run).reason is Reason.COMPLETED, runs.log_of(run.directory)
    # A kernel may say more while it ends.
    assert runs.log_of(run.directory).startswith("on\n")
    assert os.path.isfile(f"{run.directory.path}/outputs/{{odd}} name.output.ipynb")


def test_every_process_of_a_run_has_a_kernel_of_its_own(newest: Notebooks) -> None:
    """They share a working directory, where Jupyter would put the sockets of all of them."""
    job = PyTorchConfiguration("gloo", 3)
    cell = "import os\nprint('rank', os.environ['RANK'])"
    state, run = newest.ended(cell, distributed_job_config=job, max_run_duration_seconds=120)
    assert state.reason is Reason.COMPLETED, state.detail
    for rank in range(3):
        log = Path(run.directory.rank_log(rank)).read_text()
        assert f"rank {rank}\n" in log
    names = {"train.output.ipynb", "train.rank1.output.ipynb", "train.rank2.output.ipynb"}
    assert set(os.listdir(f"{run.directory.path}/outputs")) == names
    assert not [name for name in os.listdir(run.directory.work) if "ipc" in name]
