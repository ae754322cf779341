"""Two runs of a large source, of which one file changes in between: what is on the disk then?"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.beside import processes
from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import driver
from benchmarks.beside.ray_cluster import ray_cluster
from benchmarks.beside.scenario import Quantity, Scenario
from benchmarks.beside.scenarios import start

FILES = 100
FILE_BYTES = 900_000
"""Ray takes no folder of 100 MiB or more."""
QUICK_BYTES = 10**4


class Source:
    """The folder ``source`` of a contender: files that no compression makes smaller."""

    def __init__(self, place: Place) -> None:
        self._bytes = QUICK_BYTES if place.quick else FILE_BYTES
        self.folder = start.write_source(place)
        for number in range(FILES):
            self.change(number)

    @property
    def mb(self) -> float:
        """Its size."""
        return processes.disk_mb(self.folder)

    def change(self, number: int = 0) -> None:
        """One file has other content."""
        (self.folder / f"data-{number:02}.bin").write_bytes(os.urandom(self._bytes))


def asked(name: str, **order: object) -> Ready:
    """A driver that runs the script of the folder ``source`` and waits."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        with driver(place, name) as program:
            source = Source(place)
            yield lambda: _sample(
                source, [place.folder], lambda: start.quantities(program.ask(**order))
            )

    return ready


@contextmanager
def _ray(place: Place) -> Iterator[Callable[[], Sample]]:
    with ray_cluster(place) as found, driver(place, "ray_start", found) as program:
        source, ray = Source(place), Path(found["RAY_TMPDIR"])
        yield lambda: _sample(source, [place.folder, ray], lambda: start.quantities(program.ask()))


@contextmanager
def _copy(place: Place) -> Iterator[Callable[[], Sample]]:
    source, numbers = Source(place), iter(range(1000))

    def run() -> None:
        copy = place.folder / f"copy-{next(numbers)}"
        subprocess.run(["cp", "-r", str(source.folder), str(copy)], check=True)

    yield lambda: _sample(source, [place.folder], run)


def _sample(source: Source, folders: list[Path], run: Callable[[], object]) -> Sample:
    """A run of a source that is new to it, and one of the same with another first file."""
    for number in range(FILES):
        source.change(number)
    sizes = [_mb(folders)]
    for _ in range(2):
        run()
        sizes.append(_mb(folders))
        source.change()
    first, second = sizes[1] - sizes[0], sizes[2] - sizes[1]
    return {"first": max(0.0, first), "second": max(0.0, second)}


def _mb(folders: list[Path]) -> float:
    return sum(map(processes.disk_mb, folders))


DISK = Scenario(
    name="disk",
    title=f"Disk for a source of {FILES * FILE_BYTES // 10**6} MB",
    what=(
        f"A folder with {FILES} files of 0.9 MB that cannot be compressed is run; one of the files "
        "changes, and it is run again. Measured is what the disk holds more after each, beside the "
        "folder itself. A file with several names counts once."
    ),
    quantities=(
        Quantity("first", "the first run", "MB", zero=True),
        Quantity("second", "the second, one file changed", "MB", zero=True),
    ),
    contenders=(
        Contender(
            "runyard",
            "The source of every run can be seen and run again later.",
            asked("runyard_start", target="local"),
        ),
        Contender(
            "cp -r",
            "The source of every run can be seen later.",
            _copy,
            version=tool("cp", "--version"),
        ),
        Contender(
            "submitit",
            "No copy: a job reads what is in the folder when it starts.",
            asked("submitit_start", cluster="local"),
            "submitit",
        ),
        Contender(
            "MLflow Projects",
            "No copy: it runs in the folder, and notes the commit if that is a git repository.",
            asked("mlflow_start"),
            "mlflow",
            quick=False,
        ),
        Contender(
            "Ray Jobs",
            "A zip of it all, which the cluster keeps in memory (not counted here), unpacked into "
            "Ray's folder, which keeps the last 10 GB.",
            _ray,
            "ray",
            quick=False,
            apart=True,
        ),
    ),
    rounds=2,
    warm_up=0,
)

SCENARIOS: tuple[Scenario, ...] = (DISK,)
