"""What a runner keeps so that another one can start its run again: outside of the workspace.

Law *looking at a workspace runs nothing of somebody else*: that a run was submitted here, by this
user, is not believed to a workspace, which may come from anywhere. As of a run that waits in a
pool (``pool_private``), the variables, with their secrets, are kept in memory; what may be on the
disk is in the user's state folder, for a restart of the machine.
"""

from __future__ import annotations

import contextlib
import os

from runyard.computes import pool_private
from runyard.computes.user_memory import RUN
from runyard.errors import RunyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.computes.pool_private import Order
    from runyard.record.layout import RunDirectory


def keep(run: RunDirectory, spec: Mapping[str, Any]) -> None:
    """Keep what starting this process's run again takes. Raises OSError or RunyardError."""
    pool_private.forget(run.path, RUN)
    order = pool_private.order(run, spec, os.environ)
    pool_private.keep(run.path, RUN, order)
    pool_private.persist(run.path, RUN)


def recall(run: RunDirectory) -> Order | None:
    """What was kept for a run; None for one that this user has not submitted here."""
    try:
        order = pool_private.recall(run.path, RUN)
    except OSError:
        return None
    return order if order is not None and order.run == f"{run.experiment}/{run.id}" else None


def forget(run: RunDirectory) -> None:
    """Remove what is kept for a run."""
    with contextlib.suppress(OSError, RunyardError):
        pool_private.sweep(run.path, ())
