"""SIGKILL at each step of the build of an environment: of its builder, and of the runner.

The environment is whole or it does not count: the next run that needs it is never stopped by what
was left. Some steps here; ``RUNYARD_KILLS=1`` (or more) tries all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.computes import runner_process
from runyard.computes.local import LocalTarget
from runyard.environments import cache
from runyard.environments.build_lock import BuildLock
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.planning import resolve
from runyard.record import events, jsonl
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.faults import dying_runner, kill_points, laws, submitting, sweeps
from tests.wheelhouse import Wheelhouse

pytestmark = pytest.mark.integration

SCRIPT = "import base; print(base.version)"


class Builds:
    """Runs that need an environment which is not there, each in a cache of its own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.workspace: WorkspaceDirectory = runs.workspace(folder)
        self._folder = folder
        self._patch = patch
        self._wheels = Wheelhouse(folder / "wheels")
        self._wheels.add("base")
        self._number = 0

    def begin(self) -> dict[str, Any]:
        """An empty cache, and the environment that is to be built there."""
        self._number += 1
        for name, value in self._wheels.environ(self._folder / f"cache-{self._number}").items():
            self._patch.setenv(name, value)
        environment = Environment("demo")
        environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["base"])
        planned = resolve(environment, source_directory=self._folder)
        built: dict[str, Any] = msgspec.to_builtins(planned)
        return built

    def run(self, environment: dict[str, Any], **variables: object) -> RunDirectory:
        """A run of it, whose runner may be killed, after all that was left has settled."""
        run = runs.make_run(self.workspace, SCRIPT, environment=environment)
        with self._patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, str(value))
            if variables:
                own = (sys.executable, dying_runner.__file__)
                patch.setattr(runner_process, "own_program", lambda: own)
            runs.start(LocalTarget(), run)
        laws.settle(self.workspace)
        return run


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], str]) -> Builds:
    tool("uv")
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    return Builds(tmp_path, monkeypatch)


def calls(builds: Builds, folder: Path) -> tuple[int, int]:
    """How many calls a runner makes that builds, and how many its builder."""
    run = builds.run(builds.begin(), **{kill_points.COUNT_TO: folder / "calls"})
    assert events.read_state(run).reason is Reason.COMPLETED
    own, forked = (int((folder / name).read_text()) for name in ("calls", "calls.fork"))
    return own, forked


def the_next_one_has_it(builds: Builds, environment: dict[str, Any], killed: RunDirectory) -> None:
    following = builds.run(environment)
    laws.hold(builds.workspace, [killed.id, following.id], tidy=False)
    assert events.read_state(following).reason is Reason.COMPLETED, runs.log_of(following)
    assert runs.log_of(following) == "1.0\n"
    found = cache.built(environment["key"])
    assert found is not None
    assert found["lock"] == ["base==1.0"] == jsonl.read_json(following.environment_json)["lock"]


def test_a_builder_killed_at_each_step(builds: Builds, tmp_path: Path) -> None:
    _, count = calls(builds, tmp_path)
    failed = 0
    for step in sweeps.steps(count):
        environment = builds.begin()
        killed = builds.run(environment, **{kill_points.FORKS_AT: step})
        state = events.read_state(killed)
        if state.reason is Reason.COMPLETED:  # it had written all that was wanted of it
            assert runs.log_of(killed) == "1.0\n", step
        else:
            text = "the builder of the environment was killed by signal 9"
            assert state.detail["error"]["message"] == text, step
            failed += 1
        the_next_one_has_it(builds, environment, killed)
    assert failed > sweeps.FEW // 2


def test_a_runner_killed_at_each_step_of_a_build(builds: Builds, tmp_path: Path) -> None:
    count, _ = calls(builds, tmp_path)
    early = 0
    for step in sweeps.steps(count):
        environment = builds.begin()
        killed = builds.run(environment, **{kill_points.AT: step, kill_points.FORKS_AT: 0})
        state = events.read_state(killed)
        if [event["status"] for event in state.events] == ["Failed"]:
            # In its first milliseconds: it has kept nothing with which another could begin.
            assert state.reason is Reason.RUNNER_LOST
            early += 1
        else:  # another one builds, or goes on with the script
            assert state.reason is Reason.COMPLETED, (step, state.detail)
            assert runs.log_of(killed) == "1.0\n", step
        the_next_one_has_it(builds, environment, killed)
    assert early < count / 5


TAKING = """
import sys
from runyard.environments.build_lock import BuildLock
from tests.faults import kill_points
counter = kill_points.Counter(int(sys.argv[2]))
counter.install()
with BuildLock(sys.argv[1], print):
    pass
counter.remove()
print(counter.count)
"""


def test_who_is_killed_while_it_takes_the_lock_makes_nobody_wait(tmp_path: Path) -> None:
    """Between making a file and signing it as well: nobody could tell then whose it was."""

    def take(at: int) -> int:
        place = tmp_path / "a" / "lock"
        out, err = submitting.program(TAKING, place, at).communicate()
        assert err == ""
        return int(out or 0)

    assert take(0) > 5
    for at in range(1, take(0) + 1):
        take(at)
        said: list[str] = []
        with BuildLock(str(tmp_path / "a" / "lock"), said.append):
            assert not any("Waiting" in line for line in said), (at, said)
