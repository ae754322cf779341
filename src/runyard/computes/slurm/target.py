"""A cluster with Slurm as a compute target: runs are its jobs."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.computes import runner_process
from runyard.computes.protocol import Handle, Problem
from runyard.computes.slurm import (
    images,
    jobs,
    lookup,
    nodes,
    queue,
    states,
    submitting,
    visibility,
    whys,
)
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.history import reconcile
from runyard.history.reconcile import KEPT
from runyard.history.targets import QueuePlace, TargetState
from runyard.record import computes, events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runyard.computes.slurm.jobs import Job
    from runyard.computes.slurm.queue import Known
    from runyard.record.owner import Ownership

_LET_GO_S = 5.0
_CLUSTER = "cluster_name"
OF_THE_CLUSTER = (_CLUSTER, "slurm_conf")
"""Of the settings, what tells one cluster from others: kept with each run."""


class SlurmTarget:
    """``record``: the json of the target, as ``SlurmCompute`` attached it."""

    KIND = "Slurm"
    STARTS_AGAIN = True
    """Jobs of runs with ``max_restarts`` are queued again by Slurm."""

    def __init__(self, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> None:
        self.name: str = record["name"]
        self.record = record
        self.workspace = workspace
        self.slurm = Slurm(str(record.get("slurm_conf") or ""))

    def check(self, spec: Any) -> list[Problem]:
        """What cannot be done on the cluster: images, and files that its nodes do not see."""
        return [
            *visibility.problems(spec, self.workspace, self.record),
            *images.problems(spec, self.workspace, self.record),
        ]

    def notices(self, spec: Any) -> list[str]:
        """What of a run's settings has no effect there."""
        return images.notices(spec, self.record)

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Submit the job; where the environment must be built first, start who does both."""
        spec = jsonl.read_json(run.run_json)["spec"]
        return self.submit_beside(run, ownership, secrets, spec, lambda: None)

    def ahead(
        self, run: RunDirectory, spec: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[None]:
        """What of ``submit_beside`` may be done while the folder of the run is made."""
        if not self._submits(spec):
            return contextlib.nullcontext()
        return submitting.ahead(run, self.record, runner_process.variables(secrets), spec)

    def _submits(self, spec: Mapping[str, Any]) -> bool:
        """Whether the job can be submitted at once."""
        return _is_ready(spec["environment"], bool(self.record.get(images.SETTING)))

    def submit_beside(
        self,
        run: RunDirectory,
        ownership: Ownership,
        secrets: Mapping[str, str],
        spec: Mapping[str, Any],
        fill: Callable[[], None],
    ) -> Handle:
        """The same for a folder whose run.json, with this ``spec``, is written by ``fill``.

        That is done while sbatch works: the job cannot begin before the lock is released.
        """
        variables = runner_process.variables(secrets)
        if not self._submits(spec):
            fill()
            pid = runner_process.start(run, ownership, variables, words=("prepare",))
            return {**self._handle(run), **owner.identity(pid)}
        handle = {**self._handle(run), "persisted": True, KEPT: True}

        def meanwhile() -> None:
            fill()
            reconcile.keep(run, handle)

        self._hand_over(run, ownership, variables, spec=spec, meanwhile=meanwhile)
        return handle

    def enqueue(self, run: RunDirectory, ownership: Ownership) -> None:
        """Submit the job of a run whose environment this process, its runner, has built."""
        spec = jsonl.read_json(run.run_json)["spec"]
        self._hand_over(run, ownership, runner_process.variables({}), spec=spec)

    def _hand_over(
        self,
        run: RunDirectory,
        ownership: Ownership,
        variables: Mapping[str, str],
        *,
        spec: Mapping[str, Any],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Job:
        def also() -> None:
            meanwhile()
            _keep_environment(run, spec["environment"])

        return submitting.submit(run, ownership, self.record, variables, spec=spec, meanwhile=also)

    def _handle(self, run: RunDirectory) -> Handle:
        return {
            "target": self.name,
            computes.KIND: self.KIND,
            "run": run.path,
            "host": os.uname().nodename,
            **{name: self.record[name] for name in OF_THE_CLUSTER if self.record.get(name)},
        }

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """One squeue for all of them; then the accounting, for those it has forgotten."""
        runner_process.collect()
        runs = [RunDirectory(handle["run"]) for handle in handles]
        try:
            known = self._known(runs)
        except SlurmError as error:
            if not error.silent:
                raise
            return [TargetState.UNKNOWN for _ in handles]
        return [
            self._state(run, handle, found)
            for run, handle, found in zip(runs, handles, known, strict=True)
        ]

    def _state(self, run: RunDirectory, handle: Handle, known: Known | None) -> TargetState:
        if known is not None:
            if known.state == "PENDING":
                self._say_queued_again(run)
                self._cancel_again(run, handle)
            return states.target_state(known.state)
        if owner.is_held(run.lock):
            return TargetState.ALIVE
        job = jobs.read(run)
        if lookup.is_hidden(run, job):
            return TargetState.UNKNOWN
        host = handle.get("host") or owner.signature(run.lock).get("host")
        if job is None and host not in (None, os.uname().nodename):
            return TargetState.UNKNOWN  # somebody there may be building its environment
        return TargetState.GONE if self._is_its_cluster(handle) else TargetState.UNKNOWN

    def _is_its_cluster(self, handle: Handle) -> bool:
        """Whether the cluster that is asked here is the one that the run was submitted to."""
        own = handle.get(_CLUSTER) or self.record.get(_CLUSTER)
        return not own or nodes.cluster_name(self.slurm) == own

    def _say_queued_again(self, run: RunDirectory) -> None:
        """Of a run whose job lost its nodes and waits again, when its runner could not say so."""
        if not _has_begun(run):
            return
        queue.forget()  # it may have begun, and even ended, since squeue was asked
        known = self._known([run])[0]
        ownership = None
        if known is not None and known.state == "PENDING":
            ownership = owner.take(run.lock)
        if ownership is None:
            return
        try:
            if _has_begun(run):
                log = events.EventLog(run)
                log.status(Status.QUEUED, message="its job was queued again")
                log.close()
        finally:
            ownership.release()

    def _known(self, runs: Sequence[RunDirectory]) -> list[Known | None]:
        return lookup.known(self.slurm, runs)

    def why(self, handle: Handle) -> tuple[Reason, str] | None:
        """Why a run is gone, by the state of its job and what that left in its own output."""
        run = RunDirectory(handle["run"])
        try:
            known = self._known([run])[0]
        except SlurmError:
            known = None
        return whys.why(run, jobs.read(run), known)

    def _cancel_again(self, run: RunDirectory, handle: Handle) -> None:
        """Of a job that was losing its nodes, and so did not wait, when the run was cancelled."""
        if events.cancel_requested(run):
            with contextlib.suppress(SlurmError):
                self.cancel(handle)

    def cancel(self, handle: Handle) -> None:
        """Take a job that waits out of the queue; ask the runner of one that runs to end it."""
        run = RunDirectory(handle["run"])
        if events.read_state(run).status.ended:
            return
        if not events.cancel_requested(run):
            events.request(run, "cancel")
        job = lookup.job_of(self.slurm, run)
        if job is None:
            return
        # Only while it waits: Slurm looks and acts in one step, so a job that has just begun is
        # left to its runner, which sees the request.
        try:
            self.slurm.run("scancel", "--state=PENDING", *jobs.which(job))
        except SlurmError:
            if owner.is_held(run.lock) or events.read_state(run).status.ended:
                return  # its runner has seen the request
            raise
        queue.forget()
        known = self._known([run])[0]
        if known is not None and known.state == "SUSPENDED":  # its runner sees nothing
            self.slurm.run("scancel", "--state=SUSPENDED", *jobs.which(job))
        if known is not None and known.state == "CANCELLED" and _is_let_go(run):
            text = "Cancelled while it waited in Slurm's queue."
            reconcile.end_lost(run, Reason.CANCELLED, text, self)

    def reap(self, run: RunDirectory) -> None:
        """End the job, should it still be there, and what is left of the run on this machine."""
        job = jobs.read(run)
        if job is not None:
            try:
                self.slurm.run("scancel", "--quiet", *jobs.which(job))
            except SlurmError as error:
                if error.silent:
                    raise
        _names.load("runyard.computes.local:LocalTarget")().reap(run)

    def places(self, runs: Sequence[RunDirectory]) -> list[QueuePlace | None]:
        """Where runs stand among the jobs that wait in their partition, and why they wait."""
        try:
            return self._places(runs)
        except SlurmError:
            return [None for _ in runs]

    def _places(self, runs: Sequence[RunDirectory]) -> list[QueuePlace | None]:
        known = self._known(runs)
        there = {one.partition for one in known if one is not None and one.state == "PENDING"}
        lines = queue.waiting(self.slurm, sorted(there)) if there else []
        found: list[QueuePlace | None] = []
        for one in known:
            line = [other.number for other in lines if one and other.partition == one.partition]
            if one is None or one.number not in line:
                found.append(None)
                continue
            place = line.index(one.number) + 1
            found.append(QueuePlace(self.name, place, len(line), why=whys.waiting(one.reason)))
        return found


def _is_let_go(run: RunDirectory) -> bool:
    """Whether nobody has the lock: the runner of an attempt that was preempted is just ending."""
    deadline = time.monotonic() + _LET_GO_S
    while owner.is_held(run.lock):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _is_ready(environment: Mapping[str, Any], has_images: bool) -> bool:
    """Whether a runner on a node finds the environment built; ``has_images``: images run there."""
    if environment["kind"] == "user_managed" and (has_images or not environment.get("image")):
        return True
    return _names.load("runyard.environments.cache:built")(environment["key"]) is not None


def _keep_environment(run: RunDirectory, environment: Mapping[str, Any]) -> None:
    """It may wait for longer than environments stay that nobody uses. Raises SlurmError."""
    if environment["kind"] == "user_managed":  # not of the cache
        return
    # Not by _names: who has built it is a runner, without the packages that it asks for.
    waiting = importlib.import_module("runyard.environments.waiting")
    if not waiting.note(environment["key"], run):
        raise SlurmError(
            f"the environment {environment['name']!r} of the run was removed from the cache while "
            "the run was being submitted: submit it again"
        )


def _has_begun(run: RunDirectory) -> bool:
    """Whether it waits again, or does no more wait, and has not ended."""
    state = events.read_state(run)
    return (
        not state.status.ended
        and bool(state.events)
        and state.events[-1].get("status") != Status.QUEUED.value
    )
