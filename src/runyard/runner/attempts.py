"""The attempts of a run: one whose job is queued again starts once more, in the same folder.

Nothing of an earlier attempt is lost: its logs lie in ``user_logs/attempt_<n>/``, counted from 0,
the records of its processes in ``launch/attempt_<n>/``; ``work/``, with ``outputs/`` in it, and
metrics are carried on.
"""

from __future__ import annotations

import os

from runyard.record import cause, script
from runyard.record.events import read_state
from runyard.record.states import Status
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.events import EventLog
    from runyard.record.layout import RunDirectory

_RESUME = "MODEL_LOCATION"
"""The data reference that ``resume_from`` is."""


def begin(run: RunDirectory, log: EventLog) -> int:
    """How often this run was started before; what is kept of that is put aside."""
    said_before = [event.get("status") for event in read_state(run).events]
    earlier = said_before.count(Status.RUNNING.value)
    if earlier and said_before[-1] != Status.QUEUED.value:
        said.status(log, Status.QUEUED, attempt=earlier)  # nobody could say so: it was killed
    if earlier:
        name = _unused(run, f"attempt_{earlier - 1}")
        _move_files(run.join("user_logs"), run.join("user_logs", name))
        _put_records_aside(run, os.path.join(run.launch, name))
    return earlier


def _put_records_aside(run: RunDirectory, to: str) -> None:
    if os.path.isdir(run.ranks):
        os.makedirs(run.launch, exist_ok=True)
        os.rename(run.ranks, to)
    told = [os.path.join(run.launch, name) for name in _told(run)]
    for path in (script.path_of(run), cause.path_of(run), *told):
        if os.path.exists(path):
            os.makedirs(to, exist_ok=True)
            os.rename(path, os.path.join(to, os.path.basename(path)))


def _told(run: RunDirectory) -> list[str]:
    """What says that the processes of an attempt were told to end, see step.sh."""
    try:
        return [name for name in os.listdir(run.launch) if name.startswith("told-")]
    except FileNotFoundError:
        return []


def _unused(run: RunDirectory, name: str) -> str:
    """``name``, with a number where it is taken: of one that was lost before its script ran."""
    number, found = 0, name
    while any(os.path.exists(os.path.join(f, found)) for f in (run.join("user_logs"), run.launch)):
        number += 1
        found = f"{name}.{number}"
    return found


def _move_files(folder: str, to: str) -> None:
    os.makedirs(to, exist_ok=True)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            os.rename(path, os.path.join(to, name))


def resumed(run: RunDirectory, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of another attempt: ``resume_from`` leads to what the run itself has left.

    Where it has left nothing in ``outputs/``, to where it led before.
    """
    data = spec.get("data") or ()
    try:
        if not any(item["name"] == _RESUME for item in data) or not os.listdir(run.outputs):
            return spec
    except OSError:
        return spec
    return {**spec, "data": [_led(item, run) if item["name"] == _RESUME else item for item in data]}


def _led(item: dict[str, Any], run: RunDirectory) -> dict[str, Any]:
    own = os.path.join(run.work, "outputs")
    below = str(item.get("path") or "").partition("/outputs/")[2]
    if below and os.path.isdir(os.path.join(own, below)):
        own = os.path.join(own, below)
    return {**item, "source": own, "mode": "mount", "path_on_compute": None}
