"""Run directories as the parts of runyard that write them leave them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from runyard.record import creation, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status


def make_run(
    workspace: WorkspaceDirectory,
    experiment: str = "exp",
    run_id: str | None = None,
    *,
    age_s: float = 60.0,
    **record: Any,
) -> RunDirectory:
    """A recorded run of which nothing happened yet, created ``age_s`` ago."""
    fields = {"created": time.time() - age_s, "type": "azureml.scriptrun", **record}
    return creation.create_run(workspace, experiment, fields, run_id)


def note_status(run: RunDirectory, *statuses: Status) -> None:
    """Append events as the runner does."""
    log = EventLog(run)
    for status in statuses:
        log.status(status)
    close(log)


def end(run: RunDirectory, reason: Reason = Reason.COMPLETED, **detail: Any) -> None:
    """End a run as its runner does."""
    log = EventLog(run)
    log.end(reason, **detail)
    close(log)


def close(log: EventLog) -> None:
    """Close the file behind an event log."""
    log._appender.close()


def sign_and_let_go(run: RunDirectory, **changes: Any) -> None:
    """Leave the lock as a runner of this machine that is gone leaves it."""
    ownership = owner.take(run.lock)
    assert ownership is not None
    owner.sign(ownership, {**owner.identity(), **changes})
    ownership.release()


def age(run: RunDirectory, seconds: float = 60.0) -> None:
    """Make the last change of a run so old that no later one can share its stamp."""
    then = time.time() - seconds
    os.utime(run.path, (then, then))


def nested_source(folder: Path) -> Path:
    """A source folder with modules at several depths."""
    root = folder / "source"
    for name in ("a/b/one.py", "a/two.py", "three.py", "c/four.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"NAME = '{name}'\n")
    return root
