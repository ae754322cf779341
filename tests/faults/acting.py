"""What happens in a trial of ``random_kills``: who submits, looks and cancels, and is killed then.

All of it in forks of this process, so that none of it is left in the next trial.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from runyard import Experiment, Workspace
from runyard.computes import runner_process
from runyard.record import owner
from runyard.record.layout import RunDirectory
from tests.faults import configurations, kill_points, laws
from tests.faults.cluster_kills import ClusterKills
from tests.faults.trials import MOMENTS, OF_RUNNERS, POOLED, SLURM, Trial

COUNTED = (*OF_RUNNERS, "witness")
"""What a file tells of, which is there when they were not killed."""
_WAITS_S = 0.4
"""How long the script of a run goes on that is to be cancelled, or is on a cluster."""

DYING_RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dying_runner.py")


class Acting:
    """Trials in one workspace; ``killed`` counts, by kind, how many of those were."""

    def __init__(
        self,
        workspace: Workspace,
        source: Path,
        chance: random.Random,
        killed: Counter[str],
        on_cluster: ClusterKills | None = None,
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._survived = source.parent / "survived"
        self._chance = chance
        self._killed = killed
        self._on_cluster = on_cluster

    def act(self, trial: Trial, count_to: Path | None = None) -> Trial | None:
        """Carry a trial out; the run that was ahead of it in a pool.

        ``count_to``: learns how many calls there are before which such a victim can be killed.
        """
        for kind in COUNTED:
            counted_in(self._survived, kind).unlink(missing_ok=True)
        ahead = trial.ahead() if trial.kind in POOLED else None
        if ahead is not None:
            self._start(ahead, count_to)
        self._start(trial, count_to)
        if trial.kind == "kick":
            assert ahead is not None
            self._kill_runner(ahead, trial.moment_s)
        elif trial.kind == "pool":
            trial.gate.touch()
        self._disturb(trial, count_to)
        trial.gate.touch()
        return ahead

    def note_kill(self, kind: str) -> None:
        """When all has settled: whether the runner was killed, which tells nobody."""
        if kind in COUNTED:
            self._killed[kind] += not counted_in(self._survived, kind).exists()

    def run_of(self, trial: Trial) -> RunDirectory | None:
        """The run, also one that nobody was told of."""
        for run in reversed(laws.runs(self._workspace.directory)):
            if str(trial.starts) in Path(run.run_json).read_text():
                return run
        return None

    def _start(self, trial: Trial, count_to: Path | None) -> None:
        killed = trial.kind in ("submit", "queue", "slurm-submit") and not trial.has_node
        at, counted = (trial.at, count_to) if killed else (0, None)
        self._in_fork(trial, partial(self._submit, trial, count_to), at, counted)

    def _disturb(self, trial: Trial, count_to: Path | None) -> None:
        if trial.kind in SLURM:
            self._kill_on_cluster(trial)
        elif trial.kind in MOMENTS:
            self._kill_one(trial)
        elif trial.kind == "reader":
            self._wait_for_runner(trial)
            self._in_fork(trial, self._read, trial.at, count_to)
        elif trial.kind == "kick":
            self._in_fork(trial, self._read, trial.at, count_to)
        elif trial.kind in ("cancel", "leave"):
            self._in_fork(trial, lambda: self._cancel(trial), trial.at, count_to)

    def _submit(self, trial: Trial, count_to: Path | None) -> None:
        points = self._points(trial)
        if points is not None:
            count_to = self._survived if trial.kind == "reader" else count_to
            os.environ[kill_points.AT], os.environ[kill_points.FORKS_AT] = map(str, points)
            os.environ[kill_points.COUNT_TO] = str(count_to or self._survived)
            # In this fork alone: it is gone when the run is submitted.
            runner_process.own_program = lambda: (sys.executable, DYING_RUNNER)
        sleeping_s = _WAITS_S if trial.kind == "cancel" or trial.kind in SLURM else 0.0
        arguments = [str(trial.starts), trial.code, sleeping_s]
        arguments += [str(trial.gate)] if trial.has_node else []
        config = configurations.of(trial, self._source, arguments)
        run = Experiment(self._opened(), "exp").submit(config)
        os.write(self._said, run.id.encode())

    def _points(self, trial: Trial) -> tuple[int, int] | None:
        """Before which call its runner is killed, and what that forks; None: its own runner."""
        if trial.kind in OF_RUNNERS and trial.has_node == (trial.kind == "node"):
            return trial.at, 0
        return {"witness": (0, trial.at), "reader": (trial.runner_at, 0)}.get(trial.kind)

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
        self._killed[trial.kind] += code != 0

    def _wait_for_runner(self, trial: Trial) -> None:
        run = self.run_of(trial)
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
                self._killed[trial.kind] += 1

    def _kill_on_cluster(self, trial: Trial) -> None:
        run = self.run_of(trial)
        if trial.kind in MOMENTS:
            assert run is not None
            assert self._on_cluster is not None
            self._killed[trial.kind] += self._on_cluster.kill(trial.kind, run, trial.moment_s)

    def _kill_runner(self, trial: Trial, after_s: float) -> None:
        time.sleep(after_s)  # the moment of the kill is drawn
        run = self.run_of(trial)
        assert run is not None
        while owner.is_held(run.lock):  # one that has just begun has not signed it yet
            with suppress(ProcessLookupError, KeyError):
                os.kill(owner.signature(run.lock)["pid"], signal.SIGKILL)
            time.sleep(0.002)


def counted_in(count_to: Path, kind: str) -> Path:
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
