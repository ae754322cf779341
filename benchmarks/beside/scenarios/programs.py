"""The programs themselves: how long importing them takes, and the smallest command."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.beside.contender import Contender, Place, Ready, Sample, python_version
from benchmarks.beside.driver import variables
from benchmarks.beside.scenario import Quantity, Scenario

_TELL = 'print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])'
"""The most memory this interpreter has had, in KiB."""


def imported(statement: str, *version: str) -> Ready:
    """An interpreter that imports it and ends; and the command, if it has one."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        path = f"{place.python.parent}:{os.environ['PATH']}"
        environment = variables(PATH=path)

        def sample() -> Sample:
            argv = [str(place.python), "-c", statement]
            found = {"import": _ran(argv, place, environment)[0] * 1000}
            told = [str(place.python), "-c", f"{statement}\n{_TELL}"]
            found["import_mb"] = int(_ran(told, place, environment)[1].split()[-1]) * 1024 / 1e6
            if version:
                argv = [place.program(version[0]), *version[1:]]
                found["version"] = _ran(argv, place, environment)[0] * 1000
            return found

        yield sample

    return ready


def _ran(argv: list[str], place: Place, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds from its start to its end, and what it printed."""
    begun = time.monotonic()
    done = subprocess.run(argv, cwd=place.folder, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise RuntimeError(f"{argv} ended with code {done.returncode}:\n{done.stderr}")
    return seconds, done.stdout


def _peer(name: str, ready: Ready, quick: bool = True) -> Contender:
    rounds = None if quick else 5
    return Contender(
        name, f"All that `import {name}` brings.", ready, name, quick=quick, rounds=rounds
    )


PROGRAMS = Scenario(
    name="programs",
    title="Importing it, and the smallest command",
    what=(
        "A new interpreter imports the package and ends; the command prints the version and ends. "
        "Byte code is compiled, files are in the cache of the system."
    ),
    quantities=(
        Quantity("import", "an interpreter that imports it", "ms"),
        Quantity("import_mb", "memory it has had (RSS)", "MB"),
        Quantity("version", "the command --version", "ms"),
    ),
    contenders=(
        Contender(
            "runyard",
            "Its names; what they lead to is imported when it is used.",
            imported("import runyard", "runyard", "--version"),
        ),
        Contender(
            "runyard, used",
            "The same with all that a submit needs.",
            imported("from runyard import Experiment, ScriptRunConfig, Workspace"),
        ),
        Contender(
            "interpreter",
            "Nothing: the floor.",
            imported("pass", "python", "--version"),
            version=python_version,
        ),
        _peer("submitit", imported("import submitit")),
        _peer("torchx", imported("from torchx.runner import get_runner", "torchx", "--version")),
        _peer("metaflow", imported("import metaflow")),
        _peer("mlflow", imported("import mlflow", "mlflow", "--version"), quick=False),
        _peer("ray", imported("import ray", "ray", "--version"), quick=False),
    ),
    rounds=10,
    warm_up=1,
)

SCENARIOS: tuple[Scenario, ...] = (PROGRAMS,)
