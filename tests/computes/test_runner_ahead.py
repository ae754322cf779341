"""A runner that starts while its run is planned is the runner that it would have been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes import runner_ahead, runner_process
from runyard.config import planning
from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.record import owner
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason
from runyard.testing import runs

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os
print(os.environ["API_TOKEN"], os.environ["PLAIN"], os.environ.get("LATER"))
print(os.getcwd())
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment(Workspace.create("ahead", path=str(tmp_path)), "ahead")


@pytest.fixture
def config(tmp_path: Path) -> ScriptRunConfig:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(SCRIPT)
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    config.run_config.environment_variables = {"API_TOKEN": "hidden-word", "PLAIN": "shown"}
    return config


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Every process that this one starts."""
    found: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)  # type: ignore[call-overload]
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    yield found
    for process in found:
        process.wait()


def log_of(run: object) -> list[str]:
    run.wait_for_completion(show_output=False)  # type: ignore[attr-defined]
    return Path(run.directory.std_log).read_text(errors="replace").splitlines()  # type: ignore[attr-defined]


def test_one_process_is_the_runner_from_the_first(
    experiment: Experiment, config: ScriptRunConfig, started: list[subprocess.Popen[bytes]]
) -> None:
    run = experiment.submit(config)
    directory: RunDirectory = run.directory
    assert log_of(run) == ["hidden-word shown None", os.path.realpath(directory.work)]
    [runner] = started
    assert owner.signature(directory.lock)["pid"] == runner.pid
    assert runner_process.AHEAD == {}


def test_what_changes_while_the_run_is_planned(
    experiment: Experiment, config: ScriptRunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner has the variables of the moment at which any other would be started."""
    complete = planning.complete

    def planned(*arguments: object, **named: object) -> planning.Plan:
        monkeypatch.setenv("LATER", "set")
        return complete(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "complete", planned)
    assert log_of(experiment.submit(config))[0] == "hidden-word shown set"


def test_secrets_are_not_among_what_others_can_read(
    experiment: Experiment, config: ScriptRunConfig, tmp_path: Path
) -> None:
    """Not in /proc/PID/environ of the runner, which whoever has its uid can read."""
    script = tmp_path / "source" / "train.py"
    script.write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    run = experiment.submit(config)
    runs.wait_for(lambda: "begun" in runs.log_of(run.directory))
    runner = owner.signature(run.directory.lock)["pid"]
    found = Path(f"/proc/{runner}/environ").read_bytes()
    assert b"RUNYARD_RUN_DIRECTORY=" + os.fsencode(run.directory.path) in found.split(b"\0")
    assert b"hidden-word" not in found
    run.cancel()
    run.wait_for_completion(show_output=False, raise_on_error=False)


def test_a_plan_that_is_refused_leaves_nothing(
    experiment: Experiment, config: ScriptRunConfig, started: list[subprocess.Popen[bytes]]
) -> None:
    config.script = "missing.py"
    with pytest.raises((ExperimentExecutionException, UserErrorException)):
        experiment.submit(config)
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    assert runner_process.AHEAD == {}
    assert os.listdir(Path(experiment.workspace.directory.runs, "ahead")) == []


def test_one_that_died_is_replaced(
    experiment: Experiment,
    config: ScriptRunConfig,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complete = planning.complete

    def planned(*arguments: object, **named: object) -> planning.Plan:
        started[0].kill()
        started[0].wait()
        return complete(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "complete", planned)
    assert log_of(experiment.submit(config))[0].startswith("hidden-word")
    assert len(started) == 2


def test_where_none_can_be_started_ahead(
    experiment: Experiment, config: ScriptRunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(run: RunDirectory) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(runner_ahead, "_Ahead", none)
    assert log_of(experiment.submit(config))[0].startswith("hidden-word")


ODD = """
import os, signal, socket, sys, threading, time
from pathlib import Path
from runyard.computes.local import LocalTarget
from runyard.config import planning
from tests.faults import submitting
complete = planning.complete
if sys.argv[2] == "ignores":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
elif sys.argv[2] == "patience":
    socket.setdefaulttimeout(5)
else:
    def planned(*arguments, **named):
        if not os.fork():
            sys.stdin.readline()
            os._exit(0)
        return complete(*arguments, **named)
    planning.complete = planned
folder = Path(sys.argv[1])
source = submitting.source(folder / "source", "raise SystemExit(3)")
run = submitting.submit(submitting.workspace(folder), source)
print(run.directory.path, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("what", ["ignores", "patience", "forks"])
def test_settings_of_the_submitter_that_a_runner_must_not_have(tmp_path: Path, what: str) -> None:
    """SIGCHLD that is ignored, a time limit of all sockets, a copy that holds all that is open."""
    argv = [sys.executable, "-c", ODD, str(tmp_path), what]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as submitter:
        assert submitter.stdout is not None
        run = RunDirectory(submitter.stdout.readline().strip())
        state = runs.finish(run)
        assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 3)


def test_two_that_want_the_same_name(tmp_path: Path) -> None:
    """Each ends its own runner, if nobody took that."""
    run = RunDirectory(str(tmp_path / "runs" / "e" / "r"))
    with runner_ahead.waiting(run):
        first = runner_process.AHEAD[run.path]
        with runner_ahead.waiting(run):
            second = runner_process.AHEAD[run.path]
        assert run.path not in runner_process.AHEAD
    for ahead in (first, second):
        assert ahead._process.returncode == -signal.SIGKILL  # type: ignore[attr-defined]


PLANNING = """
import os, sys, time
from runyard.computes import runner_ahead
from runyard.record.layout import RunDirectory
with runner_ahead.waiting(RunDirectory(sys.argv[1])):
    children = open(f"/proc/self/task/{os.getpid()}/children").read()
    print(children, flush=True)
    time.sleep(60)
"""


def test_it_ends_with_a_submitter_that_is_killed(tmp_path: Path) -> None:
    """At any moment of its start; nothing is left of the run that never was."""
    for patience_s in (0.0, 0.01, 0.05, 0.2):
        path = tmp_path / "runs" / "e" / f"r{patience_s}"
        argv = [sys.executable, "-c", PLANNING, str(path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as submitter:
            assert submitter.stdout is not None
            runner = int(submitter.stdout.readline())
            time.sleep(patience_s)  # how far the runner has got is what is tried
            submitter.kill()
        runs.wait_for(lambda r=runner: owner.start_ticks(r) is None)
        assert not path.exists()


def test_many_variables(
    experiment: Experiment, config: ScriptRunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the socket holds at once."""
    for number in range(8):
        monkeypatch.setenv(f"LARGE_{number}", "x" * 100_000)
    monkeypatch.setenv("LATER", "b\udcff")
    assert log_of(experiment.submit(config))[0].startswith("hidden-word shown")
