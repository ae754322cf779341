"""50 runs of one environment, started at once."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.computes.local import LocalTarget
from runyard.environments import CondaDependencies, Environment, cache, resolve
from runyard.record import jsonl
from runyard.record.layout import RunDirectory
from runyard.record.states import Status
from runyard.testing import runs
from tests.wheelhouse import Wheelhouse

pytestmark = pytest.mark.integration

COUNT = 50
Spec = dict[str, Any]
Together = Callable[[Spec, int], tuple[list[RunDirectory], float]]


@pytest.fixture
def spec(tmp_path: Path, wheelhouse: Wheelhouse) -> Spec:
    """The ``environment`` of runs that print the version of a package; nobody has built it."""
    wheelhouse.add("base", "3.5")
    environment = Environment("demo")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["base"])
    planned: Spec = msgspec.to_builtins(resolve(environment, source_directory=tmp_path))
    return planned


@pytest.fixture
def together(tmp_path: Path) -> Together:
    """Return a function that starts so many runs at once, and waits until all have completed.

    It returns them, and the seconds from the first start to the last end.
    """
    workspace = runs.workspace(tmp_path)

    def run(environment: Spec, count: int) -> tuple[list[RunDirectory], float]:
        text = "import base; print(base.version)"
        made = [runs.make_run(workspace, text, environment=environment) for _ in range(count)]
        target, started = LocalTarget(), time.time()
        for each in made:
            runs.start(target, each)
        states = [runs.finish(each, 120) for each in made]
        assert {state.status for state in states} == {Status.COMPLETED}
        assert {runs.log_of(each) for each in made} == {"3.5\n"}
        return made, max(float(state.events[-1]["t"]) for state in states) - started

    return run


def test_50_runs_of_a_built_environment_wait_for_nobody(spec: Spec, together: Together) -> None:
    together(spec, 1)
    python = f"{cache.prefix(spec['key'])}/bin/python"
    plain = {**spec, "kind": "user_managed", "interpreter": python, "key": ""}
    _, plain_s = together(plain, COUNT)
    # Whoever needed the lock of a builder would wait for ever now.
    with open(cache.build_lock(spec["key"]), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        shared, shared_s = together(spec, COUNT)
    logs = {Path(run.environment_log).read_text() for run in shared}
    assert logs == {f"environment demo: using {cache.prefix(spec['key'])}\n"}
    # Measured: 1.03 times. Other load on the machine must not fail the test.
    assert shared_s < 4 * plain_s + 5


def test_50_runs_of_an_environment_that_is_not_built_cause_one_build(
    spec: Spec, together: Together
) -> None:
    made, _ = together(spec, COUNT)
    reused = [jsonl.read_json(run.environment_json)["reused"] for run in made]
    assert reused.count(False) == 1
    logs = [Path(run.environment_log).read_text() for run in made]
    assert sum("\nBuilt in " in log for log in logs) == 1
