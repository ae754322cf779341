"""Starting what fits into a pool: the next tickets, as far as there are free nodes.

Done by whoever submits, ends, cancels or looks, always under the pool's lock. Each step can be the
last one of a process that is killed: the ticket goes last, and a runner signs the run's lock before
it does anything, so that the next one sees whether a run was started. Only tickets of this user and
this machine are started (``pool_private``).
"""

from __future__ import annotations

import os
import time

from runyard.computes import pool_private, pool_queue, runner_process
from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.pool_nodes import Nodes
from runyard.computes.pool_private import Order
from runyard.history import reconcile
from runyard.record import computes, events, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.computes.pool import Pool
    from runyard.record.owner import Ownership

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.002
_NAME_CHARS = 100


def has_work(folder: PoolFolder) -> bool:
    """Whether a run of this user waits, or the pool is to be removed; takes no lock."""
    waiting = pool_queue.names(folder.queue)
    ours = bool(waiting) and not pool_private.known(folder.path).isdisjoint(waiting)
    return ours or os.path.exists(marker(folder))


def marker(folder: PoolFolder) -> str:
    """A file that is there while a pool is being deleted; the last run's runner looks for it."""
    return os.path.join(folder.queue, "deleting")


def mark(folder: PoolFolder) -> None:
    """From now on the pool goes when nothing of it runs any more."""
    with open(marker(folder), "wb"):
        pass


def waiting(folder: PoolFolder) -> list[RunDirectory]:
    """The runs that wait, in order."""
    bodies = (_body(folder, name) for name in pool_queue.names(folder.queue))
    return [run_of(folder, body["run"]) for body in bodies if body is not None]


def run_of(folder: PoolFolder, name: str) -> RunDirectory:
    """The run of a ticket: '<experiment>/<run id>'."""
    return RunDirectory(os.path.join(folder.workspace.runs, name))


def _body(folder: PoolFolder, name: str) -> dict[str, Any] | None:
    try:
        body = pool_queue.read(folder.queue, name)
        if body is not None and owner.is_led_elsewhere(run_of(folder, body["run"]).path):
            raise ValueError(f"a link of another user leads its run {body['run']} elsewhere")
        return body
    except (OSError, ValueError) as error:
        import logging  # 7 ms, and for damage only

        logging.getLogger(__name__).warning("left out, and its run will end as lost: %s", error)
        return None


def ticket(of: Order) -> dict[str, Any]:
    """What everybody may know of a run that waits, and nobody has to believe."""
    from runyard.job.interactive import user_name

    who = {"uid": os.getuid(), "user": user_name(), "host": os.uname().nodename}
    return {"run": of.run, "nodes": of.nodes, **who}


def whose(folder: PoolFolder, name: str) -> str:
    """Who submitted a run that waits, in words."""
    body = _body(folder, name) or {}
    text = f"{body.get('user')} on {body.get('host')}"[:_NAME_CHARS]
    return "".join(c for c in text if c.isprintable())  # it may come from anywhere


def start_what_fits(pool: Pool) -> None:
    """Start runs in order until the nodes are taken; what goes wrong with one is its end."""
    record = computes.read(pool.folder.workspace, pool.name)
    if record is None:
        return
    nodes = Nodes(pool.folder)
    for lost in nodes.lost():
        reconcile.settle_gone(lost, pool.name, pool)
    if record.get("state") == DELETING:
        _close_down(pool, nodes)
        return
    _Round(pool.folder, nodes, int(record.get("max_nodes") or 0)).start()
    pool_private.sweep(pool.folder.path, pool_queue.names(pool.folder.queue))
    pool_queue.sweep(pool.folder.path, pool.folder.queue)


def _close_down(pool: Pool, nodes: Nodes) -> None:
    """End what waits, ask what runs to end; what is left of the pool then goes."""
    for run in waiting(pool.folder):
        pool.end_waiting(run)
    for run in nodes.taken.values():
        if not events.cancel_requested(run):
            events.request(run, "cancel")
    _remove_if_empty(pool.folder)


class _Round:
    """One look at the queue."""

    def __init__(self, folder: PoolFolder, nodes: Nodes, max_nodes: int) -> None:
        self._folder = folder
        self._nodes = nodes
        self._max_nodes = max_nodes

    def start(self) -> None:
        """Who is first in line and needs more nodes than are free is waited for."""
        for name in pool_queue.names(self._folder.queue):
            free = self._nodes.free(self._max_nodes)
            if not free:
                return
            order = self._order(name)
            if order is None or order.nodes > self._max_nodes:
                continue  # until the pool is made larger again
            if order.nodes > len(free):
                return
            self._start(name, order, free[: order.nodes])

    def _order(self, name: str) -> Order | None:
        """None for a ticket of another machine or user: it is for them to start it."""
        body = _body(self._folder, name)
        if body is None:
            drop(self._folder, name)
            return None
        if body.get("host") != os.uname().nodename:
            return None
        order = pool_private.recall(self._folder.path, name)
        if order is not None and order.run == body["run"]:
            return order
        run = run_of(self._folder, body["run"])
        # Left over, or of a workspace that was copied.
        if not _names_ticket(run, name) or events.read_state(run).status.ended:
            drop(self._folder, name)
        return None

    def _start(self, name: str, order: Order, numbers: list[int]) -> None:
        run = run_of(self._folder, order.run)
        if not os.path.isfile(run.run_json):  # somebody removed it
            drop(self._folder, name)
            return
        ownership = take(run)
        if ownership is None:
            # Its runner lives, and who started it died before the ticket was gone; or somebody
            # is just ending it.
            if run.path in {other.path for other in self._nodes.taken.values()}:
                drop(self._folder, name)
            return
        try:
            if _is_due(run, name) and not self._launch(run, ownership, order, numbers):
                self._nodes.release(numbers)
            drop(self._folder, name)
        finally:
            ownership.release()

    def _launch(
        self, run: RunDirectory, ownership: Ownership, order: Order, numbers: list[int]
    ) -> bool:
        variables = order.variables
        if variables is None:
            if order.secrets:
                _end(run, Reason.LAUNCH_FAILED, error={"message": _forgotten(run)})
                return False
            variables = _after_restart(order)
        self._nodes.occupy(numbers, run)
        try:
            runner_process.start(run, ownership, variables, _program(order))
        except OSError as error:
            text = f"the runner could not be started: {error}"
            _end(run, Reason.LAUNCH_FAILED, error={"type": type(error).__name__, "message": text})
            return False
        return True


def _names_ticket(run: RunDirectory, name: str) -> bool:
    """Whether no runner has begun since the run was given this ticket."""
    return bool(owner.signature(run.lock).get("ticket") == name)


def _is_due(run: RunDirectory, name: str) -> bool:
    """Whether it still waits; one that was asked to end ends here."""
    if not _names_ticket(run, name) or events.read_state(run).status.ended:
        return False
    if events.cancel_requested(run):
        _end(run, Reason.CANCELLED, message="Cancelled while it waited for a node.")
        return False
    return True


def take(run: RunDirectory) -> Ownership | None:
    """The lock of a run that waits; whoever looks whether it is held has it for a moment."""
    for _ in range(_TAKE_ATTEMPTS):
        try:
            ownership = owner.take(run.lock)
        except FileNotFoundError:  # the run was removed
            return None
        if ownership is not None:
            return ownership
        time.sleep(_TAKE_PAUSE_S)
    return None


def drop(folder: PoolFolder, name: str) -> None:
    """Remove a ticket, and what was kept for it."""
    pool_queue.remove(folder.queue, name)
    pool_private.forget(folder.path, name)


def _remove_if_empty(folder: PoolFolder) -> None:
    if pool_queue.names(folder.queue) or Nodes(folder).taken:
        return
    import shutil

    pool_private.sweep(folder.path, ())
    os.unlink(folder.workspace.compute_json(folder.name))
    shutil.rmtree(folder.path, ignore_errors=True)


def _end(run: RunDirectory, reason: Reason, **detail: Any) -> None:
    log = EventLog(run)
    log.end(reason, **detail, **({"hint": reason.hint} if reason.hint else {}))
    log.close()


def _program(order: Order) -> tuple[str, str] | None:
    """The runner of who submitted; ours where that installation is gone by now."""
    python, runner = order.program
    return order.program if os.access(python, os.X_OK) and os.path.isfile(runner) else None


def _after_restart(order: Order) -> dict[str, str]:
    return {**runner_process.plain_variables(), **order.places}


def _forgotten(run: RunDirectory) -> str:
    return (
        "the machine restarted while the run waited for a node, and the values of its secret "
        f"variables were kept in memory only; submit it again: runyard rerun {run.id}"
    )
