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

The source folder changes each time, so that there is always something to store. Count and seed
are printed, and with each breach what it takes to see it again: the seed, and the trial's number.
The moments of ``any`` are real time, so that two runs of one seed may differ in them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from runyard import (
    Environment,
    Experiment,
    PyTorchConfiguration,
    ScriptRunConfig,
    Workspace,
)
from runyard.computes import runner_process
from runyard.record.layout import RunDirectory
from tests.faults import kill_points, laws, trials
from tests.faults.trials import SCRIPT, Trial

KINDS = ("submit", "runner", "gang", "witness", "reader", "cancel", "any")
COUNTED = ("runner", "gang", "witness")
"""What a file tells of, which is there when they were not killed."""
RUNS_PER_WORKSPACE = 25
"""All laws are checked over the whole workspace each time."""
LATER_S = 10.0
"""A run nobody has signed is left to its creator for some seconds: here it is dead for sure."""
LONGEST_S = 0.1
"""The processes of a run that nobody disturbs are gone after that much time."""

DYING_RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dying_runner.py")


class Storm:
    """``count`` trials below ``folder``."""

    def __init__(self, folder: Path, seed: int, kinds: tuple[str, ...] = KINDS) -> None:
        self._chance = random.Random(seed)
        self._kinds = kinds
        self._folder = folder
        self._source = folder / "source"
        self._survived = folder / "survived"
        (self._source / "lib").mkdir(parents=True)
        (self._source / "train.py").write_text(SCRIPT)
        self._new_workspace()
        self.killed: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.breaches: list[str] = []
        self._changes = 0
        self._calls: dict[str, int] = {}
        for kind in KINDS[:-1]:
            self._calls[kind] = self._calls_of(kind)

    def run(self, count: int) -> int:
        """So many trials, each in the same workspace as some others."""
        for number in range(1, count + 1):
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

    def _drawn(self, number: int) -> Trial:
        kind = self._chance.choice(self._kinds)
        return Trial(
            number=number,
            kind=kind,
            at=self._chance.randint(1, self._calls.get(kind, 1)),
            moment_s=self._chance.random() * LONGEST_S,
            code=self._chance.choice((0, 0, 3)),
            folder=self._folder,
            runner_at=self._chance.randint(1, self._calls["runner"]) if kind == "reader" else 0,
        )

    def _calls_of(self, kind: str) -> int:
        """How many calls there are before which a process of that kind can be killed."""
        runner_at = self._calls["runner"] // 2 if kind == "reader" else 0
        trial = Trial(0, kind, 0, 0.0, 0, self._folder, runner_at)
        count_to = self._folder / f"calls-{kind}"
        for _ in range(2):  # the first of a workspace has more to make, and less to look through
            self._change()
            self._act(replace(trial, said=[]), count_to)
            laws.settle(self._workspace.directory)
        return int(_name(count_to, kind).read_text())

    def _change(self) -> None:
        self._changes += 1
        (self._source / "lib" / "changed.py").write_text(f"{self._changes}")

    def _one(self, trial: Trial) -> None:
        if trial.number % RUNS_PER_WORKSPACE == 0:
            self._new_workspace()
        self._change()
        for kind in COUNTED:
            _name(self._survived, kind).unlink(missing_ok=True)
        try:
            with laws.untouched(self._source):
                self._act(trial)
                directory = self._workspace.directory
                laws.settle(directory, later_s=LATER_S)
            if trial.kind in COUNTED:
                self.killed[trial.kind] += not _name(self._survived, trial.kind).exists()
            laws.hold(directory, trial.said, tidy=False)
            self.ends[trials.end(trial, self._run_of(trial))] += 1
        except AssertionError as error:
            self.breaches.append(f"{trial}: {error}")
            print(self.breaches[-1], flush=True)
            self._new_workspace()  # the next one is not to be blamed for it

    # The victims

    def _act(self, trial: Trial, count_to: Path | None = None) -> None:
        at, counted = (trial.at, count_to) if trial.kind == "submit" else (0, None)
        self._in_fork(trial, partial(self._submit, trial, count_to), at, counted)
        if trial.kind == "any":
            self._kill_one(trial)
        elif trial.kind == "reader":
            self._wait_for_runner(trial)
            self._in_fork(trial, self._read, trial.at, count_to)
        elif trial.kind == "cancel":
            self._in_fork(trial, lambda: self._cancel(trial), trial.at, count_to)

    def _submit(self, trial: Trial, count_to: Path | None) -> None:
        points = {
            "runner": (trial.at, 0),
            "gang": (trial.at, 0),
            "witness": (0, trial.at),
            "reader": (trial.runner_at, 0),
        }.get(trial.kind)
        if points is not None:
            count_to = self._survived if trial.kind == "reader" else count_to
            os.environ[kill_points.AT], os.environ[kill_points.FORKS_AT] = map(str, points)
            os.environ[kill_points.COUNT_TO] = str(count_to or self._survived)
            # In this fork alone: it is gone when the run is submitted.
            runner_process.own_program = lambda: (sys.executable, DYING_RUNNER)
        environment = Environment("storm")
        environment.python.user_managed_dependencies = True
        environment.python.interpreter_path = sys.executable
        sleeping_s = 0.4 if trial.kind == "cancel" else 0.0
        arguments = [str(trial.starts), trial.code, sleeping_s]
        config = ScriptRunConfig(
            str(self._source),
            "train.py",
            arguments=arguments,
            environment=environment,
            distributed_job_config=PyTorchConfiguration("gloo", 2)
            if trial.kind == "gang"
            else None,
        )
        run = Experiment(self._opened(), "exp").submit(config)
        os.write(self._said, run.id.encode())

    def _read(self) -> None:
        self._opened().select()

    def _cancel(self, trial: Trial) -> None:
        self._opened().get_run(trial.said[0]).cancel()

    def _opened(self) -> Workspace:
        """Connections to the index do not outlive a fork."""
        return Workspace.at(self._workspace.path)

    def _in_fork(
        self, trial: Trial, action: Callable[[], None], at: int, count_to: Path | None
    ) -> None:
        """Carry something out in a fork that may be killed; what it has said is the trial's."""
        told, self._said = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(told)
            _be_the_fork(action, kill_points.Counter(at), count_to)
        os.close(self._said)
        with open(told, "rb") as stream:
            text = stream.read().decode()
        _, status = os.waitpid(pid, 0)
        trial.said += [text] if text else []
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, -signal.SIGKILL), f"it ended with {code}"
        self.killed[trial.kind] += code != 0

    def _run_of(self, trial: Trial) -> RunDirectory | None:
        """The run, also one that nobody was told of."""
        for run in reversed(laws.runs(self._workspace.directory)):
            if str(trial.starts) in Path(run.run_json).read_text():
                return run
        return None

    def _wait_for_runner(self, trial: Trial) -> None:
        run = self._run_of(trial)
        place = "" if run is None else run.path
        while any(where == place for _, where in self._processes()):
            time.sleep(0.002)

    def _processes(self) -> list[tuple[int, str]]:
        return laws.processes(self._workspace.directory)

    def _kill_one(self, trial: Trial) -> None:
        time.sleep(trial.moment_s)  # the moment of the kill is drawn
        alive = self._processes()
        if alive:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(alive)[0], signal.SIGKILL)
                self.killed["any"] += 1

    # What must be true then


def _name(count_to: Path, kind: str) -> Path:
    """The file that has the count of calls: forks have one of their own."""
    return count_to.with_name(f"{count_to.name}.fork") if kind == "witness" else count_to


def _be_the_fork(
    action: Callable[[], None], counter: kill_points.Counter, count_to: Path | None
) -> None:
    """Never returns."""
    code = 1
    try:
        counter.install()
        action()
        counter.remove()
        if count_to is not None:
            count_to.write_text(f"{counter.count}")
        code = 0
    except BaseException:
        counter.remove()
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    """Print a JSON object with count, seed and what came of it; 1 if a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument(
        "--each", choices=KINDS[:-1], help="instead: before each of its calls, once"
    )
    given = parser.parse_args()
    print(f"count {given.count}, seed {given.seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="runyard-storm-") as folder:
        storm = Storm(Path(folder), given.seed, tuple(given.kind or KINDS))
        count = storm.each(given.each) if given.each else storm.run(given.count)
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
