"""Starting what fits into a pool: the next tickets, as far as there are free nodes.

Done by whoever submits, ends, cancels or looks, always under the pool's lock. Each step can be the
last one of a process that is killed: the ticket goes last, and a runner signs the run's lock before
it does anything, so that the next one sees whether a run was started.
"""

from __future__ import annotations

import os
import time

from runyard.computes import pool_memory, pool_queue, runner_process
from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.pool_nodes import Nodes
from runyard.history import reconcile
from runyard.record import computes, events, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.computes.pool import Pool
    from runyard.record.owner import Ownership

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.002

_AFTER_RESTART = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""Variables of whoever starts a run whose own were lost: nothing that may be a secret."""


def has_work(folder: PoolFolder) -> bool:
    """Whether somebody waits, or the pool is to be removed; takes no lock."""
    return bool(pool_queue.names(folder.queue)) or os.path.exists(marker(folder))


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
    return [run_of(folder, body) for body in bodies if body is not None]


def run_of(folder: PoolFolder, body: Mapping[str, Any]) -> RunDirectory:
    """The run of a ticket."""
    return RunDirectory(os.path.join(folder.workspace.runs, body["run"]))


def _body(folder: PoolFolder, name: str) -> dict[str, Any] | None:
    try:
        return pool_queue.read(folder.queue, name)
    except ValueError as error:
        import logging  # 7 ms, and for damage only

        logging.getLogger(__name__).warning("left out, and its run will end as lost: %s", error)
        return None


def ticket(run: RunDirectory, spec: Mapping[str, Any], memory: str) -> dict[str, Any]:
    """What starting the run takes, on the disk: nothing that may be a secret."""
    return {
        "run": f"{run.experiment}/{run.id}",
        "nodes": int(spec.get("node_count") or 1),
        "host": os.uname().nodename,
        "uid": os.getuid(),
        "memory": memory,
        "secrets": bool(spec.get("secret_variables")),
        "program": runner_process.own_program(),
        "places": runner_process.places(),
    }


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
    pool_memory.sweep(pool.folder.path, pool_queue.names(pool.folder.queue))


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
            body = _body(self._folder, name)
            if body is None:
                pool_queue.remove(self._folder.queue, name)
                continue
            # Of another machine or user: started when they look.
            if body["host"] != os.uname().nodename or body["uid"] != os.getuid():
                continue
            if body["nodes"] > self._max_nodes:
                continue  # until the pool is made larger again
            if body["nodes"] > len(free):
                return
            self._start(name, body, free[: body["nodes"]])

    def _start(self, name: str, body: Mapping[str, Any], numbers: list[int]) -> None:
        run = run_of(self._folder, body)
        if not os.path.isfile(run.run_json):  # somebody removed it
            drop(self._folder, name, body)
            return
        ownership = take(run)
        if ownership is None:
            # Its runner lives, and who started it died before the ticket was gone; or somebody
            # is just ending it.
            if run.path in {other.path for other in self._nodes.taken.values()}:
                drop(self._folder, name, body)
            return
        try:
            if self._is_due(run, name) and not self._launch(run, ownership, body, numbers):
                self._nodes.release(numbers)
            drop(self._folder, name, body)
        finally:
            ownership.release()

    def _is_due(self, run: RunDirectory, name: str) -> bool:
        """Whether it still waits; one that was asked to end ends here."""
        if reconcile.original_of(run) is not None:
            return False  # copied with the workspace
        if owner.signature(run.lock).get("ticket") != name or events.read_state(run).status.ended:
            return False
        if events.cancel_requested(run):
            _end(run, Reason.CANCELLED, message="Cancelled while it waited for a node.")
            return False
        return True

    def _launch(
        self, run: RunDirectory, ownership: Ownership, body: Mapping[str, Any], numbers: list[int]
    ) -> bool:
        variables = pool_memory.recall(body["memory"])
        if variables is None:
            if body["secrets"]:
                _end(run, Reason.LAUNCH_FAILED, error={"message": _forgotten(run)})
                return False
            variables = _after_restart(body)
        self._nodes.occupy(numbers, run)
        try:
            runner_process.start(run, ownership, variables, _program(body))
        except OSError as error:
            text = f"the runner could not be started: {error}"
            _end(run, Reason.LAUNCH_FAILED, error={"type": type(error).__name__, "message": text})
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


def drop(folder: PoolFolder, name: str, body: Mapping[str, Any] | None = None) -> None:
    """Remove a ticket, and what was kept in memory for it."""
    if body is None:
        body = pool_queue.read(folder.queue, name) or {}
    pool_queue.remove(folder.queue, name)
    pool_memory.forget(body.get("memory"))


def _remove_if_empty(folder: PoolFolder) -> None:
    if pool_queue.names(folder.queue) or Nodes(folder).taken:
        return
    import shutil

    pool_memory.sweep(folder.path, ())
    os.unlink(folder.workspace.compute_json(folder.name))
    shutil.rmtree(folder.path, ignore_errors=True)


def _end(run: RunDirectory, reason: Reason, **detail: Any) -> None:
    log = EventLog(run)
    log.end(reason, **detail, **({"hint": reason.hint} if reason.hint else {}))
    log.close()


def _program(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The runner of who submitted; ours where that installation is gone by now."""
    python, runner = body["program"]
    return (python, runner) if os.access(python, os.X_OK) and os.path.isfile(runner) else None


def _after_restart(body: Mapping[str, Any]) -> dict[str, str]:
    known = {n: v for n, v in os.environ.items() if n in _AFTER_RESTART or n.startswith("LC_")}
    return {**known, **body["places"]}


def _forgotten(run: RunDirectory) -> str:
    return (
        "the machine restarted while the run waited for a node, and the values of its secret "
        f"variables were kept in memory only; submit it again: runyard rerun {run.id}"
    )
