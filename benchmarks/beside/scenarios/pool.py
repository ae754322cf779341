"""Many tiny runs, two at a time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import driver
from benchmarks.beside.scenario import Quantity, Scenario
from benchmarks.beside.scenarios import start

COUNT = 500
QUICK = 6
_EACH = 'exec "$1" source/hello.py >"logs/$2.log"'


def _sample(seconds: float, logs: Sequence[str], count: int) -> Sample:
    """Every run has to have printed its two lines."""
    complete = sum(log.count("first line at") == log.count("last line at") == 1 for log in logs)
    if complete != count:
        raise ValueError(f"{complete} of {count} logs are complete")
    return {"total": seconds, "each": seconds / count * 1000}


def asked(name: str) -> Ready:
    """A driver that starts so many and waits for all; a first two, to warm up, do not count."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        start.write_source(place)
        (place.folder / "logs").mkdir()
        count = QUICK if place.quick else COUNT
        with driver(place, name) as program:
            program.ask(count=2)

            def sample() -> Sample:
                answer = program.ask(count=count)
                return _sample(answer["seconds"], answer["logs"], count)

            yield sample

    return ready


@contextmanager
def _xargs(place: Place) -> Iterator[Callable[[], Sample]]:
    start.write_source(place)
    logs = place.folder / "logs"
    logs.mkdir()
    count = QUICK if place.quick else COUNT
    argv = ["xargs", "-P2", "-I{}", "sh", "-c", _EACH, "sh", str(place.python), "{}"]

    def sample() -> Sample:
        numbers = "".join(f"{number}\n" for number in range(count))
        begun = time.monotonic()
        subprocess.run(argv, input=numbers, text=True, check=True, cwd=place.folder)
        seconds = time.monotonic() - begun
        return _sample(seconds, [path.read_text() for path in logs.iterdir()], count)

    yield sample


POOL = Scenario(
    name="pool",
    title=f"{COUNT} tiny runs, two at a time",
    what=(
        f"{COUNT} times the script that prints two lines, at most two of them at once, from the "
        "first submit until a client knows the last end. All logs are looked at afterwards."
    ),
    quantities=(Quantity("total", "all of them", "s"), Quantity("each", "for each run", "ms")),
    contenders=(
        Contender(
            "runyard, pool of 2",
            f"For each run: {start.RUNYARD[0].lower()}{start.RUNYARD[1:]}",
            asked("runyard_pool"),
        ),
        Contender(
            "xargs -P2",
            "An interpreter and a log for each; nothing is recorded.",
            _xargs,
            version=tool("xargs", "--version"),
        ),
        Contender(
            "Parsl",
            "An interpreter and a log for each, started by two workers that were started before; "
            "ends with its client.",
            asked("parsl_pool"),
            "parsl",
            apart=True,
        ),
        Contender(
            "Dask",
            "An interpreter and a log for each, started by two workers that were started before; "
            "ends with its client.",
            asked("dask_pool"),
            "distributed",
            apart=True,
        ),
        Contender(
            "submitit",
            f"{start.SUBMITIT} The client keeps two at work, its local executor has no limit.",
            asked("submitit_pool"),
            "submitit",
            rounds=1,
        ),
    ),
    rounds=3,
    warm_up=0,
)

SCENARIOS: tuple[Scenario, ...] = (POOL,)
