"""The environment of a run: found when it is built already, built when it is not.

Budgets: 10 ms to find it (in a new process, which pays for the import of our module as well, but
like the runner has read run.json before), and 1.15 times the bare
``uv venv`` + ``uv pip install`` of the same packages to build it, with the same warm uv cache.
Needs a package index for the first, untimed install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.measure import Measure, report
from runyard.computes.local import LocalTarget
from runyard.environments import (
    CondaDependencies,
    Environment,
    EnvironmentSpec,
    cache,
    pip_settings,
    resolve,
    uv_program,
)
from runyard.testing import runs

PACKAGES = ["scikit-learn"]
REPEATS = 16
LOOKUP_BUDGET_MS = 10.0
BUILD_BUDGET_RATIO = 1.15


def main() -> dict[str, object]:
    """Times of 16 builds and look-ups, the best of each."""
    # In memory where possible: a disk's write-back varies by more than what is measured.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="bench-environment-", dir=memory))
    before = dict(os.environ)
    # Users do not set it, and without it the first import of a build is slower than it is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["UV_CACHE_DIR"] = str(folder / "uv")
    os.environ["RUNYARD_CACHE_DIR"] = str(folder / "cache")
    try:
        return _measure(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder)


def _measure(folder: Path) -> dict[str, object]:
    environment = Environment("bench")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=PACKAGES)
    spec = resolve(environment, source_directory=folder)
    bare, ours = Bare(spec, folder / "bare"), Ours(spec, folder / "ours")
    # Fills uv's cache, and the compiled files of both programs.
    bare(), ours()
    # In turns, so that a busy moment of the machine meets both; the best of each, because linking
    # thousands of files takes half as long again whenever something else uses the disk.
    times = [(bare(), ours()) for _ in range(REPEATS)]
    bare_s, build_s = (min(column) for column in zip(*times, strict=True))
    lookup_s = min(ours.lookup_s() for _ in range(REPEATS))
    return report(
        [
            Measure("environment found", round(lookup_s * 1000, 2), LOOKUP_BUDGET_MS, "ms"),
            Measure("environment built / bare uv", round(build_s / bare_s, 3), BUILD_BUDGET_RATIO),
        ],
        packages=PACKAGES,
        bare_uv_s=round(bare_s, 3),
        build_s=round(build_s, 3),
    )


class Bare:
    """uv alone, with the settings and flags that runyard gives it."""

    def __init__(self, spec: EnvironmentSpec, folder: Path) -> None:
        settings = pip_settings.read()
        self._spec, self._folder, self._count = spec, folder, 0
        self._environ = uv_program.environment(settings.uv_environment())
        self._flags = settings.uv_arguments()

    def __call__(self) -> float:
        """Seconds of a build into a new folder."""
        self._count += 1
        prefix = f"{self._folder}/{self._count}"
        venv = ["venv", "--quiet", "--no-project", "--python", self._spec.interpreter, prefix]
        install = ["pip", "install", "--python", f"{prefix}/bin/python", *self._flags]
        uv = uv_program.find_uv()
        started = time.perf_counter()
        for command in (venv, [*install, *self._spec.requirements, *self._spec.tools]):
            subprocess.run([uv, *command], env=self._environ, check=True, capture_output=True)
        return time.perf_counter() - started


class Ours:
    """Whole runs; what counts is from Preparing, where the build begins, to Running."""

    def __init__(self, spec: EnvironmentSpec, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._spec, self._count = folder, spec, 0
        self._workspace = runs.workspace(folder)

    def __call__(self) -> float:
        """Seconds of a build into a new cache."""
        self._count += 1
        os.environ["RUNYARD_CACHE_DIR"] = f"{self._folder}/{self._count}"
        run = runs.make_run(self._workspace, "", environment=msgspec.to_builtins(self._spec))
        runs.start(LocalTarget(), run)
        state = runs.finish(run)
        at = {event["status"]: float(event["t"]) for event in state.events}
        return at["Running"] - at["Preparing"]

    def lookup_s(self) -> float:
        """Seconds from the import to the answer, in a new process."""
        code = (
            "import json, time; started = time.perf_counter()\n"
            f"from {cache.__name__} import built\n"
            f"assert built({self._spec.key!r}) is not None\n"
            "print(time.perf_counter() - started)"
        )
        output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return float(output.stdout)
