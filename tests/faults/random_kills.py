"""Runs whose processes are killed at points drawn by chance; the laws are checked after each.

    .venv/bin/python -m tests.faults.random_kills --count 3000

One trial is one submit in a process of its own. Who is killed is drawn, and before which of its
calls that change something (``kill_points``), or, for the processes of a run, after how much time:

* submit: the process that submits
* runner: the run's runner
* gang: the runner of a run of two processes
* witness: what the runner forks to see how the script ends
* reader: the runner, and then the process that opens the workspace and finds that out
* cancel: the process that cancels
* any: one of the run's processes, runner or script, at any moment

Of two runs of a pool of one node, where one waits for the other:

* queue: the process that submits the second
* node: the runner of the first, which starts the second
* kick: the runner of the first, and then the process that finds that out and starts the second
* leave: the process that cancels the second
* pool: one of the processes of both, at any moment

With ``--all``, or named by ``--kind``, where this machine has what they need:

* mpi: the runner of two ranks of MPI (mpich, from the package index)
* container, containers: the runner of a run in a container, in two of them (dockerd)
* client: one of the processes of a run in a container, its engine's client as well, at any moment
* slurm: all of these, of runs on a cluster of three nodes (Slurm)
* slurm-submit: the process that submits
* slurm-runner, slurm-batch: the runner of a run; the shell of its job, which starts runners
* slurm-rank: a process of a run on two nodes, but for its runner: ranks, their shells, an srun
* slurm-controller, slurm-node: slurmctld; slurmd of the run's node. Either is started again

The source folder changes each time, so that there is always something to store. Count and seed
are printed, and with each breach what it takes to see it again: the seed, and the trial's number.
Moments are real time, so that two storms of one seed may differ in them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runyard import Workspace
from runyard.computes import pool_private
from runyard.containers import finding
from tests import mpi_environments
from tests.computes import pools
from tests.container_engines import BASE
from tests.daemons import dockerd
from tests.faults import laws, trials
from tests.faults.acting import Acting, counted_in
from tests.faults.cluster_kills import ClusterKills
from tests.faults.configurations import IN_CONTAINERS
from tests.faults.trials import MOMENTS, POOLED, SCRIPT, SLURM, Trial
from tests.slurm_cluster import SlurmCluster, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("submit", "runner", "gang", "witness", "reader", "cancel", "any", *POOLED)
ALL = (*KINDS, "mpi", *IN_CONTAINERS, *SLURM)
RUNS_PER_WORKSPACE = 25
"""All laws are checked over the whole workspace each time."""
LATER_S = 10.0
"""A run nobody has signed is left to its creator for some seconds: here it is dead for sure."""
LONGEST_S = 0.1
"""The processes of a run that nobody disturbs are gone after that much time."""
_LONGER = {"pool": 2.5, "client": 20.0, **dict.fromkeys(SLURM, 8.0)}
"""By how much it is longer for other kinds."""
_LAST_CHARS = 4_000
"""So much of each log is shown."""
_SETTLED_S = 120.0
"""What all may take that is left to Slurm: it looks for lost nodes and processes now and then."""


class Storm:
    """``count`` trials below ``folder``. ``slurm``: where the runs of kinds on clusters run."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        kinds: tuple[str, ...] = KINDS,
        slurm: SlurmCluster | None = None,
    ) -> None:
        self._chance = random.Random(seed)
        self._kinds = kinds
        self._on_cluster = None if slurm is None else ClusterKills(slurm, self._chance)
        self._folder = folder
        self._source = folder / "source"
        (self._source / "lib").mkdir(parents=True)
        (self._source / "train.py").write_text(SCRIPT)
        (folder / "starts").mkdir()
        self.killed: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.breaches: list[str] = []
        self._changes = 0
        self._calls: dict[str, int] = {}
        self._new_workspace()
        for kind in kinds:
            self._count_calls(kind)
        self.killed.clear()

    def run(self, count: int, seconds: float = float("inf")) -> int:
        """So many trials, each in the same workspace as some others, or those of so many seconds.

        Returns how many these were.
        """
        until = time.monotonic() + seconds
        for number in range(1, count + 1):
            if time.monotonic() >= until:
                return number - 1
            self._one(self._drawn(number))
            if number % 100 == 0:
                print(f"{number} of {count}, {len(self.breaches)} breaches", flush=True)
        return count

    def each(self, kind: str) -> int:
        """One trial for each call before which a process of that kind can be killed."""
        for at in range(1, self._calls[kind] + 1):
            self._one(replace(self._drawn(at), kind=kind, at=at, runner_at=0))
        return self._calls[kind]

    def _new_workspace(self) -> None:
        shutil.rmtree(self._folder / "ws", ignore_errors=True)
        self._workspace = Workspace.create("storm", path=self._folder / "ws", show_output=False)
        self._pool = pools.make(self._workspace.directory)
        if self._on_cluster is not None:
            self._on_cluster.attach(self._workspace)
        self._acting = Acting(
            self._workspace, self._source, self._chance, self.killed, self._on_cluster
        )

    def _drawn(self, number: int) -> Trial:
        kind = self._chance.choice(self._kinds)
        longest_s = LONGEST_S * _LONGER.get(kind, 1.0)
        return Trial(
            number=number,
            kind=kind,
            at=self._chance.randint(1, self._calls.get(kind, 1)),
            moment_s=self._chance.random() * longest_s,
            code=self._chance.choice((0, 0, 3)),
            folder=self._folder,
            runner_at=self._chance.randint(1, self._calls["runner"]) if kind == "reader" else 0,
        )

    def _count_calls(self, kind: str) -> None:
        """How many calls there are before which a process of that kind can be killed."""
        if kind in MOMENTS or kind in self._calls:
            return
        if kind == "reader":
            self._count_calls("runner")
        runner_at = self._calls["runner"] // 2 if kind == "reader" else 0
        trial = Trial(0, kind, 0, 0.0, 0, self._folder, runner_at)
        count_to = self._folder / f"calls-{kind}"
        for _ in range(2):  # the first of a workspace has more to make, and less to look through
            self._change()
            trial.gate.unlink(missing_ok=True)
            self._acting.act(replace(trial, said=[]), count_to)
            laws.settle(self._workspace.directory)
        self._calls[kind] = int(counted_in(count_to, kind).read_text())

    def _change(self) -> None:
        self._changes += 1
        (self._source / "lib" / "changed.py").write_text(f"{self._changes}")

    def _one(self, trial: Trial) -> None:
        if trial.number % RUNS_PER_WORKSPACE == 0:
            self._new_workspace()
        self._change()
        try:
            with laws.untouched(self._source):
                ahead = self._acting.act(trial)
                laws.settle(self._workspace.directory, _SETTLED_S, later_s=LATER_S)
            self._acting.note_kill(trial.kind)
            self._judge([trial] if ahead is None else [trial, ahead])
        except AssertionError as error:
            self.breaches.append(f"{trial}: {error}")
            print(self.breaches[-1], *self._logs_of(trial), sep="\n", flush=True)
            self._new_workspace()  # the next one is not to be blamed for it

    def _logs_of(self, trial: Trial) -> list[str]:
        """What was said of a trial that broke a law: of its workspace nothing is kept."""
        run = self._acting.run_of(trial)
        names = () if run is None else (run.events, run.runner_log, run.container_log)
        logs = [Path(name) for name in names if os.path.exists(name)]
        texts = [f"--- {path.name}\n{path.read_text()[-_LAST_CHARS:]}" for path in logs]
        if trial.kind in SLURM and self._on_cluster is not None:
            texts.append(self._on_cluster.log())
        return texts

    def _judge(self, of: list[Trial]) -> None:
        said = [run_id for trial in of for run_id in trial.said]
        laws.hold(self._workspace.directory, said, tidy=False)
        for trial in of:
            self.ends[trials.end(trial, self._acting.run_of(trial))] += 1
        if of[0].kind in POOLED:
            self._nothing_waits()
        if of[0].kind in SLURM and self._on_cluster is not None:
            self._on_cluster.nothing_is_left(of[0].kind)
        if of[0].kind in IN_CONTAINERS:
            engine = finding.find()
            left = engine.ask("ps", "--all", "--format", "{{.Names}}").split()
            for name in left:  # the next trial is not to be blamed for it
                engine.remove(name)
            assert not left, f"containers are left: {left}"

    def _nothing_waits(self) -> None:
        """Neither tickets nor secrets are left for the next who looks."""
        with self._pool.folder.locked():
            self._pool.start_what_fits()
        left = [*os.listdir(self._pool.folder.queue), *pool_private.known(self._pool.folder.path)]
        assert not left, f"left of the queue: {left}"


@contextmanager
def _what_they_need(kinds: tuple[str, ...], folder: Path) -> Iterator[SlurmCluster | None]:
    """The engine, the MPI and the cluster of those kinds that need them, of this storm's own."""
    os.environ.setdefault("RUNYARD_CACHE_DIR", str(folder / "cache"))
    with ExitStack() as stack:
        if "mpi" in kinds:
            mpi_environments.python("mpich")
        if set(kinds) & set(IN_CONTAINERS):
            address, _ = stack.enter_context(dockerd(BASE))
            os.environ["DOCKER_HOST"] = address
            os.environ["DOCKER_CONFIG"] = str(folder / "docker-config")
            os.environ["RUNYARD_CONTAINER_ENGINE"] = "docker"
        slurm = stack.enter_context(cluster()) if set(kinds) & set(SLURM) else None
        if slurm is not None:
            os.environ.update(slurm.environment)
        yield slurm


def main() -> int:
    """Print a JSON object with count, seed and what came of it; 1 if a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no longer than that")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--kind", choices=[*ALL, "slurm"], action="append")
    parser.add_argument("--all", action="store_true", help="all kinds: with engine, MPI and Slurm")
    countable = [kind for kind in ALL if kind not in MOMENTS]
    parser.add_argument("--each", choices=countable, help="instead: before each of its calls, once")
    given = parser.parse_args()
    print(f"count {given.count}, seed {given.seed}", flush=True)
    begun = time.monotonic()
    kinds = tuple(given.kind or ([given.each] if given.each else ALL if given.all else KINDS))
    if "slurm" in kinds:
        kinds = (*(kind for kind in kinds if kind != "slurm"), *SLURM)
    temporary = tempfile.TemporaryDirectory(prefix="runyard-storm-")
    with temporary as folder, _what_they_need(kinds, Path(folder)) as slurm:
        storm = Storm(Path(folder), given.seed, kinds, slurm)
        each = given.each
        count = storm.each(each) if each else storm.run(given.count, given.seconds)
    answer = {
        "count": count,
        "seed": given.seed,
        "seconds": round(time.monotonic() - begun, 1),
        "killed": storm.killed,
        "ends": storm.ends,
        "breaches": len(storm.breaches),
    }
    print(json.dumps(answer))
    return 1 if storm.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
