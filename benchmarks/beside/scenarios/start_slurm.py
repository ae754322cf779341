"""The same script on Slurm: a cluster of this machine that has nothing else to do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.beside.contender import Contender, Place, Sample, tool
from benchmarks.beside.scenario import Scenario
from benchmarks.beside.scenarios import start
from benchmarks.beside.slurm import slurm_cluster

_ASK_S = 0.02


@contextmanager
def _sbatch(place: Place) -> Iterator[Callable[[], Sample]]:
    source = start.write_source(place)
    script, log = place.folder / "job.sh", place.folder / "job.log"
    script.write_text(f"#!/bin/sh\nexec {place.python} {source}/hello.py\n")

    def sample() -> Sample:
        log.unlink(missing_ok=True)
        begun = time.monotonic()
        job = _said("sbatch", "--parsable", f"--output={log}", str(script))
        submitted = time.monotonic()
        while _said("squeue", "--noheader", "--format=%T", f"--jobs={job}"):
            time.sleep(_ASK_S)
        moments = {"begun": begun, "submitted": submitted, "completed": time.monotonic()}
        return start.quantities({**moments, "log": log.read_text()})

    yield sample


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


SLURM = Scenario(
    name="start_slurm",
    title="Start and end of a run on Slurm",
    what=(
        "The script of the first table as a job of a Slurm cluster of three nodes, all on this "
        "machine and idle, from a warm process. Most of what is measured is Slurm's own."
    ),
    quantities=start.WARM.quantities,
    contenders=(
        Contender(
            "runyard",
            start.RUNYARD + " A waiting client reads the run directory.",
            start.asked("runyard_start", target="slurm"),
        ),
        Contender(
            "sbatch",
            f"A log; the client asks squeue every {_ASK_S * 1000:.0f} ms until the job is gone.",
            _sbatch,
            version=tool("sbatch", "--version"),
        ),
        Contender(
            "submitit",
            f"{start.SUBMITIT} Without srun. A waiting client looks for the result file.",
            start.asked("submitit_start", cluster="slurm"),
            "submitit",
        ),
    ),
    rounds=15,
    warm_up=2,
    around=slurm_cluster,
)

SCENARIOS: tuple[Scenario, ...] = (SLURM,)
