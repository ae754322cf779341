"""Runners killed while they start a run's processes: the run goes on, or starts anew, or is lost.

Which it is follows from what has begun: all, none, or some. No script is started twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import pool_private, processes, runner_process
from runyard.computes.local import LocalTarget
from runyard.config.sections import PyTorchConfiguration
from runyard.containers.engine import Engine
from runyard.history.experiment import Experiment
from runyard.history.reconcile import reconcile_run
from runyard.record import events, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests import mpi_environments
from tests.faults import half_dead_runner
from tests.runner import test_container_gangs as in_containers
from tests.runner import test_container_runs as in_container
from tests.runner import test_distributed as gangs
from tests.runner import test_mpi as mpi
from tests.runner.test_container_runs import experiment

__all__ = ["experiment"]

COUNTS = """
import os
open(f'outputs/started-{os.environ.get("RUNYARD_RANK")}', 'a').write('x')
print(os.environ.get('OF_THE_SHELL'))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def half_dead(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let runners be killed after so many starts."""

    def dies(starts: object) -> None:
        own = (sys.executable, half_dead_runner.__file__)
        monkeypatch.setattr(runner_process, "own_program", lambda: own)
        monkeypatch.setenv("STARTS", f"{starts}")
        monkeypatch.setenv("OF_THE_SHELL", "kept")

    return dies


def found_killed(run: RunDirectory, patch: pytest.MonkeyPatch) -> events.State:
    """The end of a run whose killed runner a process with other variables has found."""
    runs.wait_for(lambda: not owner.is_held(run.lock))
    patch.undo()
    reconcile_run(run)
    return runs.finish(run, 60)


def starts(run: RunDirectory) -> list[str]:
    """How often each process was started."""
    return [path.read_text() for path in sorted(Path(run.outputs).glob("started-*"))]


def nothing_is_left(run: RunDirectory) -> None:
    assert not processes.of_run(run.path)
    assert not pool_private.known(run.path)


def test_a_script_that_was_about_to_start(
    workspace: WorkspaceDirectory,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its environment was there: all this took were milliseconds."""
    half_dead("work")
    run = runs.make_run(workspace, COUNTS)
    runs.start(LocalTarget(), run)
    state = found_killed(run, monkeypatch)
    assert (state.reason, state.detail.get("adopted")) == (Reason.COMPLETED, 1)
    assert (starts(run), runs.log_of(run)) == (["x"], "kept\n")
    nothing_is_left(run)


@pytest.mark.parametrize("started", [0, 2, 3])
def test_none_or_all_of_several_processes_had_begun(
    workspace: WorkspaceDirectory,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    started: int,
) -> None:
    half_dead(started)
    run = gangs.gang(workspace, COUNTS, count=started or 2)
    state = found_killed(run, monkeypatch)
    assert (state.reason, state.detail.get("adopted")) == (Reason.COMPLETED, 1), state.detail
    assert starts(run) == ["x"] * (started or 2)
    assert gangs.log_of(run, 0).endswith("kept\n")
    nothing_is_left(run)


def test_some_of_several_processes_had_begun(
    workspace: WorkspaceDirectory,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those cannot be undone, and the others would come too late: the run is lost, and says so."""
    half_dead(1)
    run = gangs.gang(workspace, COUNTS + "import time; time.sleep(60)", count=2)
    runs.wait_for(lambda: starts(run) == ["x"])
    state = found_killed(run, monkeypatch)
    assert state.reason is Reason.RUNNER_LOST
    why = "It was killed while it was starting the processes of the run."
    assert why in state.detail["error"]["message"]
    assert starts(run) == ["x"]
    nothing_is_left(run)


@pytest.mark.integration
@pytest.mark.xdist_group("mpi")
@pytest.mark.parametrize("started", [0, 1])
def test_mpi(
    workspace: WorkspaceDirectory,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    started: int,
) -> None:
    """One program starts all ranks, and these say that they have begun."""
    mpi_environments.python("mpich")
    half_dead(started)
    run = mpi.start(workspace, "mpich", mpi.HEAD + COUNTS)
    state = found_killed(run, monkeypatch)
    assert (state.reason, state.detail.get("adopted")) == (Reason.COMPLETED, 1), state.detail
    assert starts(run) == ["x", "x"]
    nothing_is_left(run)


@pytest.mark.parametrize("started", [0, 1])
def test_a_container(
    experiment: Experiment,
    docker: Engine,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    started: int,
) -> None:
    built_before(experiment)
    half_dead(started)
    run = in_container.submit(experiment, COUNTS)
    state = found_killed_of(run, docker, monkeypatch)
    assert (state.reason, state.detail.get("adopted")) == (Reason.COMPLETED, 1), state.detail
    assert starts(run.directory) == ["x"]
    nothing_is_left(run.directory)
    assert in_container.containers(docker) == []


@pytest.mark.parametrize("started", [0, 1, 2])
def test_containers_of_two_nodes(
    experiment: Experiment,
    docker: Engine,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    started: int,
) -> None:
    built_before(experiment)
    half_dead(started)
    job = PyTorchConfiguration("Gloo", process_count=2, node_count=2)
    run = in_containers.submit(experiment, COUNTS, job)
    if started == 1:  # else its client is killed before the engine knows of it
        runs.wait_for(lambda: in_container.containers(docker) != [], 60)
    state = found_killed_of(run, docker, monkeypatch)
    assert state.reason is (Reason.RUNNER_LOST if started == 1 else Reason.COMPLETED), state.detail
    if state.reason is Reason.COMPLETED:
        assert starts(run.directory) == ["x", "x"]
    assert all(count == "x" for count in starts(run.directory))
    nothing_is_left(run.directory)
    assert in_container.containers(docker) == []


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_container_that_the_engine_has_forgotten(
    experiment: Experiment,
    docker: Engine,
    half_dead: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    nodes: int,
) -> None:
    """Its runner had noted how it ended, and was killed before it could write the run's end."""
    built_before(experiment)
    half_dead("removed")
    job = PyTorchConfiguration("Gloo", process_count=nodes, node_count=nodes)
    end = "\nraise SystemExit(4)"
    run = (
        in_container.submit(experiment, COUNTS + end)
        if nodes == 1
        else in_containers.submit(experiment, COUNTS + end, job)
    )
    state = found_killed_of(run, docker, monkeypatch)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 4), state.detail
    assert starts(run.directory) == ["x"] * nodes
    assert in_container.containers(docker) == []


def built_before(experiment: Experiment) -> None:
    """The environment of the run: its build is another matter."""
    assert in_container.finish(in_container.submit(experiment, "")).reason is Reason.COMPLETED


def found_killed_of(run: Any, engine: Engine, patch: pytest.MonkeyPatch) -> events.State:
    """``found_killed`` with the variables by which the engine is found."""
    runs.wait_for(lambda: not owner.is_held(run.directory.lock), 60)
    own = (sys.executable, runner_process.RUNNER)
    patch.setattr(runner_process, "own_program", lambda: own)
    patch.setenv("STARTS", "99")
    reconcile_run(run.directory)
    return runs.finish(run.directory, 60)
