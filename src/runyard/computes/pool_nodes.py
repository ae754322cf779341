"""The nodes of a pool on this machine: which run has which.

A node is a number in a file with a run beside it, and it is taken for as long as the lock of that
run is: the runner inherited it, so a runner that dies, however, frees its nodes.
"""

from __future__ import annotations

import os
import time

from runyard.computes import pool_queue
from runyard.errors import ComputeTargetException
from runyard.record import jsonl, owner
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from runyard.computes.pool_folder import PoolFolder


class Nodes:
    """What the file of nodes says, read once. To be changed under the pool's lock only."""

    def __init__(self, folder: PoolFolder) -> None:
        self._folder = folder
        self._entries = _read(folder)
        self._taken = {number for number in self._entries if self._is_taken(number)}

    @property
    def taken(self) -> dict[int, RunDirectory]:
        """Node → the run whose runner is there now."""
        return {number: self._run(number) for number in sorted(self._taken)}

    def free(self, max_nodes: int) -> list[int]:
        """The numbers that the next runs get, lowest first; none while ``max_nodes`` are taken."""
        count = max(0, max_nodes - len(self._taken))
        numbers = (n for n in range(len(self._taken) + count) if n not in self._taken)
        return [number for number, _ in zip(numbers, range(count), strict=False)]

    def lost(self) -> list[RunDirectory]:
        """Runs that had a node and have neither a runner nor an end now."""
        runs = {run.path: run for run in map(self._run, set(self._entries) - self._taken)}
        return [run for run in runs.values() if _is_lost(run)]

    def since(self, number: int) -> float:
        """When the node was given away, in seconds since 1970."""
        return float(self._entries[number].get("since", 0.0))

    def occupy(self, numbers: Sequence[int], run: RunDirectory) -> None:
        """Give nodes to a run whose lock the caller holds; said before its runner is started."""
        entry = {"run": f"{run.experiment}/{run.id}", "since": time.time()}
        kept = {number: self._entries[number] for number in self._taken}
        self._entries = {**kept, **dict.fromkeys(numbers, entry)}
        self._taken.update(numbers)
        written = {str(number): body for number, body in sorted(self._entries.items())}
        jsonl.write_once(self._folder.nodes_json, {"nodes": written}, sync=False)

    def release(self, numbers: Sequence[int]) -> None:
        """Take back nodes whose runner could not be started."""
        self._taken.difference_update(numbers)

    def _is_taken(self, number: int) -> bool:
        try:
            return owner.is_held(self._run(number).lock)
        except IsADirectoryError:  # nobody can hold that
            return False
        except OSError:  # nobody can tell
            return True

    def _run(self, number: int) -> RunDirectory:
        return RunDirectory(os.path.join(self._folder.workspace.runs, self._entries[number]["run"]))


def _is_lost(run: RunDirectory) -> bool:
    # Where a kicker died before the runner was started, the run waits in the queue as before.
    waits = "ticket" in owner.signature(run.lock)
    return not waits and os.path.isfile(run.run_json) and not read_state(run).status.ended


def _read(folder: PoolFolder) -> dict[int, dict[str, Any]]:
    try:
        found = jsonl.read_json(folder.nodes_json)["nodes"]
        return {
            int(number): entry
            for number, entry in found.items()
            if pool_queue.is_run(entry["run"]) and not _is_led_elsewhere(folder, entry["run"])
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ComputeTargetException(
            f"which runs have the nodes cannot be read from {folder.nodes_json}: "
            f"{error.strerror}. Make it readable, or remove it when no run of the target goes on",
            error,
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # damaged by hand: whoever runs now is not counted until it ends


def _is_led_elsewhere(folder: PoolFolder, name: str) -> bool:
    return owner.is_led_elsewhere(os.path.join(folder.workspace.runs, name))
