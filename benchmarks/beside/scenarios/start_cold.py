"""The same script from a command line: every command starts an interpreter of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from benchmarks.beside.contender import Contender, Place, Ready, Sample, python_version
from benchmarks.beside.driver import LIMIT_S, variables
from benchmarks.beside.ray_cluster import ray_cluster
from benchmarks.beside.scenario import Quantity, Scenario
from benchmarks.beside.scenarios import start

_SUBMITIT = """\
import time
import submitit


def hello():
    print("first line at", time.monotonic(), flush=True)
    print("last line at", time.monotonic(), flush=True)


executor = submitit.AutoExecutor(folder="jobs", cluster="local")
executor.update_parameters(timeout_min=5)
job = executor.submit(hello)
while not job.done():
    time.sleep(0.005)
job.result()
print(job.stdout())
"""


def typed(program: str, *arguments: str, log: str = "") -> Ready:
    """A command that runs the script and shows its output, which also may be in the file log."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        source = start.write_source(place)
        (source / "submit.py").write_text(_SUBMITIT)
        path = f"{place.python.parent}:{variables()['PATH']}"
        around = ray_cluster(place) if program == "ray" else nullcontext({"PATH": path})
        argv = [place.program(program), *arguments]
        with around as more:
            yield lambda: _sample(argv, place, variables(**more), log)

    return ready


def _sample(argv: list[str], place: Place, environment: dict[str, str], log: str) -> Sample:
    begun = time.monotonic()
    done = subprocess.run(
        argv,
        cwd=place.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )
    completed = time.monotonic()
    if done.returncode != 0:
        raise RuntimeError(f"{argv} ended with code {done.returncode}:\n{done.stdout}")
    text = (place.folder / log).read_text() if log else done.stdout
    found = start.quantities({"begun": begun, "completed": completed, "log": text})
    return {"first_line": found["first_line"], "command": (completed - begun) * 1000}


RUNYARD = typed("runyard", "submit", "--follow", "--user-managed", "--source", "source", "hello.py")
TORCHX = typed("torchx", "run", "-s", "local_cwd", "utils.python", "--script", "source/hello.py")
MLFLOW = typed("mlflow", "run", "--env-manager", "local", "source", log="source/hello.log")
RAY = typed("ray", "job", "submit", "--working-dir", "source", "--", "python", "hello.py")

COLD = Scenario(
    name="start_cold",
    title="Start and end of a run, from a command line",
    what=(
        "A command is typed that runs a script and shows its output; no environment is to be "
        "built. "
        "Measured are the times from the start of the command to the first line that the script "
        "prints, and to the end of the command."
    ),
    quantities=(
        Quantity("first_line", "command to the first line", "ms"),
        Quantity("command", "the whole command", "ms"),
    ),
    contenders=(
        Contender("runyard submit -f", start.RUNYARD, RUNYARD),
        Contender(
            "python hello.py",
            "Nothing but the interpreter: the floor.",
            typed("python", "source/hello.py"),
            version=python_version,
        ),
        Contender(
            "submitit",
            f"{start.SUBMITIT} It has no command; this is a program that submits and waits.",
            typed("python", "source/submit.py"),
            "submitit",
        ),
        Contender("torchx run", start.TORCHX, TORCHX, "torchx"),
        Contender("mlflow run", start.MLFLOW, MLFLOW, "mlflow", quick=False, rounds=5),
        Contender(
            "flow.py run",
            start.METAFLOW,
            typed("python", "source/flow.py", "run"),
            "metaflow",
            rounds=5,
        ),
        Contender("ray job submit", start.RAY, RAY, "ray", quick=False, rounds=5, apart=True),
    ),
    rounds=10,
    warm_up=1,
)

SCENARIOS: tuple[Scenario, ...] = (COLD,)
