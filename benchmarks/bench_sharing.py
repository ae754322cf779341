"""50 runs started at once: of one built environment, and of an interpreter without any lock.

Budget: 1.1 times, from the first start to the last end. Both run the interpreter of the
environment, so that only the way to it differs. Beside them: 50 runs of an environment that is
not built yet, so that one builds and 49 wait, and one such run alone. Needs a package index.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.measure import Measure, report
from runyard.computes.local import LocalTarget
from runyard.environments import CondaDependencies, Environment, EnvironmentSpec, cache, resolve
from runyard.environments.build import build
from runyard.record.states import Status
from runyard.testing import runs

RUNS = 50
ROUNDS = 5
BUDGET_RATIO = 1.1


def main() -> dict[str, object]:
    """Medians of 5 rounds, in turns."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="bench-sharing-") as name:
        os.environ["RUNYARD_CACHE_DIR"] = str(Path(name, "cache"))
        try:
            return _measure(Path(name))
        finally:
            os.environ.clear()
            os.environ.update(before)


def _measure(folder: Path) -> dict[str, object]:
    shared = _spec(folder, "wheel")
    with contextlib.redirect_stdout(sys.stderr):
        assert build(shared)["ok"]
    python = f"{cache.prefix(shared.key)}/bin/python"
    plain = msgspec.structs.replace(shared, kind="user_managed", interpreter=python, key="")
    times: list[tuple[float, ...]] = []
    for number in range(ROUNDS + 1):
        # Requirements that differ in nothing but the key.
        alone, waited_for = (_spec(folder, f"wheel!=0.{number}.{other}") for other in (1, 2))
        times.append(
            (
                _seconds(folder, plain, RUNS),
                _seconds(folder, shared, RUNS),
                _seconds(folder, alone, 1),
                _seconds(folder, waited_for, RUNS),
            )
        )
    # The first round has filled the caches.
    plain_s, shared_s, alone_s, waited_s = map(statistics.median, zip(*times[1:], strict=True))
    name = f"{RUNS} runs of one environment / without lock"
    return report(
        [Measure(name, round(shared_s / plain_s, 3), BUDGET_RATIO)],
        without_lock_s=round(plain_s, 3),
        one_environment_s=round(shared_s, 3),
        one_run_that_builds_s=round(alone_s, 3),
        one_that_builds_and_49_that_wait_s=round(waited_s, 3),
    )


def _spec(folder: Path, requirement: str) -> EnvironmentSpec:
    environment = Environment("bench")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=[requirement])
    return resolve(environment, source_directory=folder)


def _seconds(folder: Path, spec: EnvironmentSpec, count: int) -> float:
    """Seconds from the first start of so many runs to the end of the last."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        workspace = runs.workspace(Path(name))
        made = [
            runs.make_run(workspace, "pass", environment=msgspec.to_builtins(spec))
            for _ in range(count)
        ]
        target = LocalTarget()
        started = time.time()
        for run in made:
            runs.start(target, run)
        ended = [runs.finish(run, 120) for run in made]
    assert all(state.status is Status.COMPLETED for state in ended), [s.status for s in ended]
    return max(float(state.events[-1]["t"]) for state in ended) - started
