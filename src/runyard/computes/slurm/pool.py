"""An ``AmlCompute`` on a cluster: runs are jobs, and at most ``max_nodes`` nodes are asked for.

A run beyond that is a job too, held by its user until others have ended: whoever submits, ends,
cancels or looks releases what fits, in order. A ticket in the pool's folder stands for each run
that has a job, from before sbatch until the run has ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any

from runyard.computes import engine, pool_limits, pool_queue
from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.protocol import Handle, Problem
from runyard.computes.slurm import lookup, submitting
from runyard.computes.slurm.commands import SlurmError
from runyard.computes.slurm.target import SlurmTarget
from runyard.errors import ComputeTargetException
from runyard.history.targets import QueuePlace, TargetState
from runyard.record import computes, events, jsonl
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runyard.computes.slurm.jobs import Job
    from runyard.record.owner import Ownership

_DENIED = "ermission denied"
_WAITING = (Status.NOT_STARTED, Status.QUEUED)


class SlurmPool(SlurmTarget):
    """``record``: the json of the AmlCompute; its engine is the name of an attached cluster."""

    KIND = "AmlCompute"

    def __init__(self, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> None:
        super().__init__(workspace, engine.settings(workspace, record))
        self.folder = PoolFolder(workspace, self.name)

    def check(self, spec: Any) -> list[Problem]:
        """What the cluster cannot do, and more nodes than the pool has."""
        return [*pool_limits.problems(self.record, spec), *super().check(spec)]

    def _handle(self, run: RunDirectory) -> Handle:
        return {**super()._handle(run), engine.ENGINE: self.record[engine.ENGINE]}

    def ahead(
        self, run: RunDirectory, spec: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[None]:
        """Nothing: whether the job is to be held is known when it has its ticket."""
        return contextlib.nullcontext()

    def _hand_over(
        self,
        run: RunDirectory,
        ownership: Ownership,
        variables: Mapping[str, str],
        *,
        spec: Mapping[str, Any],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Job:
        needed = int(spec.get("node_count") or 1)
        with self.folder.locked():
            most = pool_limits.most_nodes(self.folder)
            name = pool_queue.new_name(self.folder.queue, spec.get("vm_priority"))
            others = list(self._tickets())
            held = any(other["held"] for _, other, _ in others) or needed + _taken(others) > most
            ticket = {"run": f"{run.experiment}/{run.id}", "nodes": needed, "held": held}
            pool_queue.add(self.folder.queue, name, ticket)
            try:
                record = self._with_hold(held)
                return submitting.submit(
                    run, ownership, record, variables, spec=spec, meanwhile=meanwhile
                )
            except BaseException:
                pool_queue.remove(self.folder.queue, name)
                raise

    def _with_hold(self, held: bool) -> dict[str, Any]:
        more = ["--hold"] if held else []
        return {
            **self.record,
            "sbatch_options": [*(self.record.get("sbatch_options") or ()), *more],
        }

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """As of any run of Slurm; what fits now is released before."""
        with contextlib.suppress(OSError):  # somebody else's workspace, that we may only read
            self.kick(patience_s=0.0)
        return super().poll(handles)

    def cancel(self, handle: Handle) -> None:
        """As of any run of Slurm; others may begin then."""
        super().cancel(handle)
        self.kick()

    def places(self, runs: Sequence[RunDirectory]) -> list[QueuePlace | None]:
        """Where runs stand among those that the pool holds back, else in Slurm's queue."""
        held = [run.path for run in self._held()]
        full = f"all {self.record.get('max_nodes')} nodes of {self.name!r} are taken"
        return [
            QueuePlace(self.name, held.index(run.path) + 1, len(held), why=full)
            if run.path in held
            else place
            for run, place in zip(runs, super().places(runs), strict=True)
        ]

    def taken(self) -> dict[int, RunDirectory]:
        """Node → the run that has it: as many for each run that has begun as it asked for."""
        found = [
            run
            for _, ticket, run in self._tickets()
            for _ in range(int(ticket["nodes"]))
            if events.read_state(run).status not in _WAITING
        ]
        return dict(enumerate(found))

    def waiting(self) -> list[RunDirectory]:
        """The runs that have not begun, in order."""
        tickets = self._tickets()
        return [run for _, _, run in tickets if events.read_state(run).status in _WAITING]

    def _held(self) -> list[RunDirectory]:
        return [run for _, ticket, run in self._tickets() if ticket["held"]]

    def kick(self, patience_s: float = 60.0) -> None:
        """Release what fits. Nothing when somebody else is at it for longer than ``patience_s``."""
        if not pool_queue.names(self.folder.queue) and self._life() != DELETING:
            return
        with contextlib.suppress(ComputeTargetException), self.folder.locked(patience_s):
            self.start_what_fits()

    def start_what_fits(self) -> None:
        """Release held jobs in order, under the pool's lock; who is first is waited for."""
        tickets = list(self._tickets(drop_ended=True))
        if self._life() == DELETING:
            self._close_down(tickets)
            return
        record = computes.read(self.workspace, self.name) or {}
        free = int(record.get("max_nodes") or 0) - _taken(tickets)
        for name, ticket, run in tickets:
            if not ticket["held"]:
                continue
            needed = int(ticket["nodes"])
            if needed > free:
                if needed > int(record.get("max_nodes") or 0):
                    continue  # until the pool is made larger again
                return
            try:
                if not self._release(run):
                    continue
            except SlurmError:  # nobody answers
                return
            path = os.path.join(self.folder.queue, name)
            jsonl.write_once(path, {**ticket, "held": False}, sync=False)
            free -= needed

    def _release(self, run: RunDirectory) -> bool:
        """False where it cannot be done from here. Raises SlurmError where nobody answers."""
        try:
            job = lookup.job_of(self.slurm, run)
            if job is None:  # who submitted it was killed before sbatch
                return False
            self.slurm.run("scontrol", "release", job.number)
        except SlurmError as error:
            if error.silent:
                raise
            # Of another user: only he can, when he looks. Else it is gone, and its run about to be.
            return _DENIED not in error.message
        return True

    def _close_down(self, tickets: Sequence[tuple[str, dict[str, Any], RunDirectory]]) -> None:
        """End all runs; what is left of the pool then goes."""
        for _, _, run in tickets:
            super().cancel({"run": run.path})
        if not list(self._tickets(drop_ended=True)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.workspace.compute_json(self.name))
            shutil.rmtree(self.folder.path, ignore_errors=True)

    def _life(self) -> object:
        return (computes.read(self.workspace, self.name) or {}).get("state")

    def _tickets(
        self, drop_ended: bool = False
    ) -> Iterator[tuple[str, dict[str, Any], RunDirectory]]:
        """The tickets of runs that have not ended, in order."""
        for name in pool_queue.names(self.folder.queue):
            ticket = _read(self.folder.queue, name)
            if ticket is None:
                continue
            run = RunDirectory(os.path.join(self.workspace.runs, ticket["run"]))
            if os.path.isfile(run.run_json) and not events.read_state(run).status.ended:
                yield name, ticket, run
            elif drop_ended:
                pool_queue.remove(self.folder.queue, name)


def _read(folder: str, name: str) -> dict[str, Any] | None:
    try:
        return pool_queue.read(folder, name)
    except ValueError:  # damaged by hand: its run goes on, and is not counted
        return None


def _taken(tickets: Sequence[tuple[str, dict[str, Any], RunDirectory]]) -> int:
    return sum(int(ticket["nodes"]) for _, ticket, _ in tickets if not ticket["held"])
