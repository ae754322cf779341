"""Pools for tests, and what happens in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runyard.computes import pool_private
from runyard.computes.pool import Pool
from runyard.record import computes, events, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Status
from runyard.testing import runs

NAME = "pool"


def make(workspace: WorkspaceDirectory, max_nodes: int = 1, **settings: Any) -> Pool:
    """A pool of that many nodes in the workspace."""
    computes.write(
        workspace, NAME, {computes.KIND: "AmlCompute", "max_nodes": max_nodes, **settings}
    )
    record = computes.read(workspace, NAME)
    assert record is not None
    return Pool(workspace, record)


def forget(folder: Path) -> None:
    """Remove what a test that damaged a queue left in the memory of this machine."""
    for pool in folder.glob("**/computes/*/queue/.."):
        pool_private.sweep(str(pool.resolve()), ())


def until(flag: Path) -> str:
    """A script that says it began, and ends once there is a file."""
    return (
        "import os, time\n"
        "print('begun', flush=True)\n"
        f"while not os.path.exists({str(flag)!r}): time.sleep(0.01)\n"
    )


def submit(pool: Pool, text: str = "print('ran')", **spec: Any) -> RunDirectory:
    """A run of the pool, submitted."""
    run = runs.make_run(pool.folder.workspace, text, target=pool.name, **spec)
    runs.start(pool, run)
    return run


def status(run: RunDirectory) -> Status:
    """Where a run stands."""
    return events.read_state(run).status


def begun(run: RunDirectory) -> None:
    """Wait until the script runs, and its runner has said so, which it does a little later."""
    runs.wait_for(lambda: runs.log_of(run).startswith("begun"))
    runs.wait_for(lambda: events.read_state(run).started is not None)


def starts(*of: RunDirectory) -> list[int]:
    """When the runner of each was started, in hundredths of a second since the machine was.

    Runners are started one by one, under the pool's lock; how far each has come is for the
    processors to say.
    """
    return [int(owner.signature(run.lock)["start"]) for run in of]


def nobody_is_at(pool: Pool) -> None:
    """Wait until whoever starts runs of the pool is done with it.

    A run that was just started may have ended before who started it has put its ticket away.
    """
    with pool.folder.locked():
        pass
