"""The environment of a run: found when it is built already, built when it is not.

Budgets: 10 ms to find it (a new process pays for the import as well), and 1.15 times the bare
``uv venv`` + ``uv pip install`` of the same packages to build it, with the same warm uv cache.
Needs a package index for the first, untimed install. Run it:
``python benchmarks/bench_environment.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from runyard.environments import (
    CondaDependencies,
    Environment,
    EnvironmentSpec,
    cache,
    pip_settings,
    resolve,
    uv_program,
)

PACKAGES = ["scikit-learn"]
REPEATS = 9
LOOKUP_BUDGET_S = 0.010
BUILD_BUDGET_RATIO = 1.15


def main() -> dict[str, object]:
    """Times in seconds (medians), the ratio of the build, and whether the budgets are kept."""
    folder = Path(tempfile.mkdtemp(prefix="bench-environment-"))
    before = dict(os.environ)
    # Users do not set it, and without it the first import of a build is slower than it is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["UV_CACHE_DIR"] = str(folder / "uv")
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
    _round(bare, ours)
    rounds = [_round(bare, ours) for _ in range(REPEATS)]
    ratio = statistics.median(mine / theirs for theirs, mine in rounds)
    ours()
    lookups = [ours.lookup_s() for _ in range(REPEATS)]
    lookup_s = statistics.median(lookups)
    return {
        "packages": PACKAGES,
        "lookup_in_new_process_s": round(lookup_s, 5),
        "lookup_budget_s": LOOKUP_BUDGET_S,
        "bare_uv_s": round(statistics.median(theirs for theirs, _ in rounds), 3),
        "build_s": round(statistics.median(mine for _, mine in rounds), 3),
        "build_ratio": round(ratio, 3),
        "build_budget_ratio": BUILD_BUDGET_RATIO,
        "within_budget": lookup_s <= LOOKUP_BUDGET_S and ratio <= BUILD_BUDGET_RATIO,
    }


def _round(bare: Callable[[], float], ours: Callable[[], float]) -> tuple[float, float]:
    """One after the other, so that a busy moment of the machine meets both."""
    return bare(), ours()


class Bare:
    """uv alone, with the settings and flags that runyard gives it."""

    def __init__(self, spec: EnvironmentSpec, prefix: Path) -> None:
        settings = pip_settings.read()
        self._prefix = prefix
        self._environ = uv_program.environment(settings.uv_environment())
        self._commands = [
            ["venv", "--quiet", "--no-project", "--python", spec.interpreter, str(prefix)],
            ["pip", "install", "--python", f"{prefix}/bin/python", *settings.uv_arguments()],
        ]
        self._commands[1] += spec.requirements

    def __call__(self) -> float:
        """Seconds of a build into a new folder."""
        shutil.rmtree(self._prefix, ignore_errors=True)
        uv = uv_program.find_uv()
        started = time.perf_counter()
        for command in self._commands:
            subprocess.run([uv, *command], env=self._environ, check=True, capture_output=True)
        return time.perf_counter() - started


class Ours:
    """The build worker, as a runner starts it."""

    def __init__(self, spec: EnvironmentSpec, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._key = folder, spec.key
        self._environ = {**os.environ, "RUNYARD_CACHE_DIR": str(folder / "cache")}
        (folder / "spec.json").write_bytes(msgspec.json.encode(spec))

    def __call__(self) -> float:
        """Seconds of a build into a new cache."""
        shutil.rmtree(self._folder / "cache", ignore_errors=True)
        arguments = [str(self._folder / name) for name in ("spec.json", "result.json")]
        command = [sys.executable, "-m", "runyard.environments", "build", *arguments]
        started = time.perf_counter()
        subprocess.run(command, env=self._environ, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        result = json.loads((self._folder / "result.json").read_bytes())
        assert not result["reused"], result
        return seconds

    def lookup_s(self) -> float:
        """Seconds from the import to the answer, in a new process."""
        code = (
            "import time; started = time.perf_counter()\n"
            f"from {cache.__name__} import built\n"
            f"assert built({self._key!r}) is not None\n"
            "print(time.perf_counter() - started)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self._environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)


if __name__ == "__main__":
    report = main()
    print(json.dumps(report, indent=1))
    sys.exit(0 if report["within_budget"] else 1)
