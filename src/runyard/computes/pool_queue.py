"""The queue of a pool: one ticket, a small file, for each run that waits.

The names of tickets sort in the order in which runs start: dedicated before lowpriority, then as
they were submitted. The lock file of a waiting run names its ticket until its runner signs there,
which a runner does before anything else: that is how a ticket whose run has already been started
is told from one whose run has not.
"""

from __future__ import annotations

import os
import time

from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOW_PRIORITY = "lowpriority"
_ENDING = ".json"


def names(folder: str) -> list[str]:
    """The tickets, in order; none when there is no queue."""
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(name for name in found if name.endswith(_ENDING) and name[:2] in ("0-", "1-"))


def new_name(folder: str, priority: str | None) -> str:
    """The name of a new ticket, behind all others of its priority; under the pool's lock."""
    numbers = [_number(name) for name in names(folder)]
    # Clocks may be set back: a later run is behind an earlier one all the same.
    number = max([time.time_ns(), *(known + 1 for known in numbers)])
    return f"{int(priority == LOW_PRIORITY)}-{number:020d}{_ENDING}"


def add(folder: str, name: str, ticket: dict[str, Any]) -> None:
    """From now on the run starts when its turn comes, whoever has died."""
    jsonl.write_once(os.path.join(folder, name), ticket, sync=False)


def persist(folder: str, name: str) -> None:
    """Make a ticket survive power loss; nothing when its run has started by now."""
    try:
        jsonl.sync_file(os.path.join(folder, name))
        jsonl.sync_file(folder)
    except FileNotFoundError:
        return


def read(folder: str, name: str) -> dict[str, Any] | None:
    """A ticket; None when it is gone. Raises ValueError for one that is damaged."""
    try:
        ticket = jsonl.read_json(os.path.join(folder, name))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{os.path.join(folder, name)}: {error.strerror}") from error
    if not is_run(ticket.get("run")):
        raise ValueError(f"{os.path.join(folder, name)} is not a ticket")
    return ticket


def is_run(name: object) -> bool:
    """Whether this names a run of the workspace, '<experiment>/<run id>', and no other place."""
    parts = name.split("/") if isinstance(name, str) else []
    return len(parts) == 2 and not {"", ".", ".."}.intersection(parts)


def remove(folder: str, name: str) -> None:
    """The run does not wait any more."""
    try:
        os.unlink(os.path.join(folder, name))
    except FileNotFoundError:
        return


def sweep(*folders: str) -> None:
    """Remove what a process left that was killed while it wrote there; under the pool's lock."""
    for folder in folders:
        for name in os.listdir(folder):
            if name.endswith(".tmp"):
                remove(folder, name)


def _number(name: str) -> int:
    digits = name[2 : -len(_ENDING)]
    return int(digits) if digits.isdigit() else 0
