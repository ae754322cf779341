"""``AmlCompute`` as a compute target: at most so many runs at once on this machine, others wait.

There is no daemon. A submit starts its runner when a node is free, else it leaves a ticket; whoever
submits, ends, cancels or looks starts what fits (``pool_starting``). Laws: *at most max_nodes*, *in
order*, *started once*, *none is lost*.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from runyard.computes import pool_limits, pool_private, pool_queue, pool_starting, runner_process
from runyard.computes.local import LocalTarget, state
from runyard.computes.pool_folder import PoolFolder
from runyard.computes.pool_nodes import Nodes
from runyard.computes.protocol import Handle, Problem
from runyard.errors import ComputeTargetException
from runyard.history.targets import QueuePlace, TargetState
from runyard.record import computes, events, jsonl, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.record.owner import Ownership


class Pool(LocalTarget):
    """A pool of nodes on this machine. ``record``: its json; runs are started as locally."""

    KIND = "AmlCompute"

    def __init__(self, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> None:
        self.name: str = record["name"]
        self.record = record
        self.folder = PoolFolder(workspace, self.name)

    def check(self, spec: Any) -> list[Problem]:
        """What this machine cannot do, and more nodes than there are."""
        return [*pool_limits.problems(self.record, spec), *super().check(spec)]

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start the runner, or let the run wait its turn; then the lock is given up here."""
        spec = jsonl.read_json(run.run_json)["spec"]
        variables = runner_process.variables(secrets)
        needed = int(spec.get("node_count") or 1)
        with self.folder.locked():
            most = pool_limits.most_nodes(self.folder)
            nodes = Nodes(self.folder)
            free = nodes.free(most)[:needed]
            if len(free) == needed and not pool_queue.names(self.folder.queue):
                nodes.occupy(free, run)
                pid = runner_process.start(run, ownership, variables)
                pool_private.sweep(self.folder.path, ())
                pool_queue.sweep(self.folder.path, self.folder.queue)
                return {**self._handle(run), **owner.identity(pid)}
            ticket = self._enqueue(run, ownership, spec, variables)
            self._start_or_warn()
        self._persist_or_warn(ticket)
        return self._handle(run)

    def _start_or_warn(self) -> None:
        """What goes wrong now is not the end of the run that has just queued."""
        try:
            pool_starting.start_what_fits(self)
        except Exception as error:
            _warn(f"nothing was started from the queue of {self.name!r}: {error}")

    def _persist_or_warn(self, ticket: str) -> None:
        try:
            pool_private.persist(self.folder.path, ticket)
            pool_queue.persist(self.folder.queue, ticket)
        except OSError as error:
            _warn(f"after a loss of power {ticket} may be missing in {self.name!r}: {error}")

    def _handle(self, run: RunDirectory) -> Handle:
        return {
            "target": self.name,
            computes.KIND: self.KIND,
            "run": run.path,
            "host": os.uname().nodename,
        }

    def _enqueue(
        self,
        run: RunDirectory,
        ownership: Ownership,
        spec: Mapping[str, Any],
        variables: Mapping[str, str],
    ) -> str:
        """From the ticket on the run starts when its turn comes, whatever becomes of us."""
        name = pool_queue.new_name(self.folder.queue, spec.get("vm_priority"))
        order = pool_private.order(run, spec, variables)
        pool_private.keep(self.folder.path, name, order)
        try:
            owner.sign(ownership, {**owner.identity(), "run": run.path, "ticket": name})
            pool_queue.add(self.folder.queue, name, pool_starting.ticket(order))
            log = EventLog(run)
            log.status(Status.QUEUED, target=self.name)
            log.close()
        except BaseException:
            pool_starting.drop(self.folder, name)
            raise
        ownership.release()
        return name

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """By lock and ticket; starts what fits as well, unless somebody is about to."""
        with contextlib.suppress(OSError):  # somebody else's workspace, that we may only read
            self.kick(patience_s=0.0)
        runner_process.collect()
        # Locks first: a run that is started meanwhile has lost its ticket, and has its runner.
        states = [state(handle) for handle in handles]
        gone = computes.read(self.folder.workspace, self.name) is None
        tickets = set() if gone else set(pool_queue.names(self.folder.queue))
        return [
            found
            if found is TargetState.ALIVE or not _waits(handle, tickets)
            else TargetState.ALIVE
            for found, handle in zip(states, handles, strict=True)
        ]

    def cancel(self, handle: Handle) -> None:
        """End a run that waits at once; ask the runner of one that runs."""
        super().cancel(handle)
        run = RunDirectory(handle["run"])
        if ticket_of(run) is None:
            return
        with contextlib.suppress(ComputeTargetException), self.folder.locked():
            self.end_waiting(run)
            pool_starting.start_what_fits(self)

    def end_waiting(self, run: RunDirectory) -> None:
        """Cancel a run that waits; under the pool's lock, for nobody must start it meanwhile."""
        name = ticket_of(run)
        ownership = None if name is None else pool_starting.take(run)
        if name is None or ownership is None:
            return
        try:
            if ticket_of(run) == name and not events.read_state(run).status.ended:
                log = EventLog(run)
                log.end(Reason.CANCELLED, message="Cancelled while it waited for a node.")
                log.close()
                pool_starting.drop(self.folder, name)
        finally:
            ownership.release()

    def kick(self, patience_s: float = 60.0) -> None:
        """Start what fits. Nothing when somebody else is at it for longer than ``patience_s``."""
        if not pool_starting.has_work(self.folder):
            return
        with (
            contextlib.suppress(ComputeTargetException),
            self.folder.locked(patience_s),
        ):
            pool_starting.start_what_fits(self)

    def start_what_fits(self) -> None:
        """Start runs in order until the nodes are taken, under the pool's lock."""
        pool_starting.start_what_fits(self)

    def taken(self) -> dict[int, RunDirectory]:
        """Node → the run that has it."""
        return Nodes(self.folder).taken

    def waiting(self) -> list[RunDirectory]:
        """The runs that wait for a node, in order."""
        return pool_starting.waiting(self.folder)

    def places(self, runs: Sequence[RunDirectory]) -> list[QueuePlace | None]:
        """Where runs stand in the queue; None for those that do not wait in it."""
        names = pool_queue.names(self.folder.queue)
        positions = {name: number for number, name in enumerate(names, 1)}
        ours = pool_private.known(self.folder.path) if names else set()
        found: list[QueuePlace | None] = []
        for run in runs:
            name = ticket_of(run)
            if name is None or name not in positions:
                found.append(None)
                continue
            whose = "" if name in ours else pool_starting.whose(self.folder, name)
            found.append(QueuePlace(self.name, positions[name], len(names), whose))
        return found


def _warn(text: str) -> None:
    import logging  # 7 ms of every runner that starts who is next

    logging.getLogger(__name__).warning("%s", text)


def ticket_of(run: RunDirectory) -> str | None:
    """The ticket that a run was given, until its runner begins; None for one that never waited."""
    found = owner.signature(run.lock).get("ticket")
    return found if isinstance(found, str) else None


def _waits(handle: Handle, tickets: set[str]) -> bool:
    return ticket_of(RunDirectory(handle["run"])) in tickets
