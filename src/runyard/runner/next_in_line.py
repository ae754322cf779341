"""What the runner of a run that has ended does for those that wait in the queue of its target."""

from __future__ import annotations

import os

from runyard.record import jsonl
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership


def prepare(run: RunDirectory, spec: Mapping[str, Any]) -> None:
    """Import, beside the running script, what starting who is next will take."""
    try:
        if os.path.isdir(_queue(run, spec["target"])):
            import runyard.computes.pool  # noqa: F401
    except Exception as error:  # the script has started, and goes on
        said.say(f"the queue cannot be served: {type(error).__name__}: {error}")


def _queue(run: RunDirectory, target: str) -> str:
    return os.path.join(run.workspace.pool(target), "queue")


def start(run: RunDirectory, ownership: Ownership) -> None:
    """Give the node of an ended run up, and start who is next; the run's end stands."""
    try:
        target = jsonl.read_json(run.run_json)["spec"]["target"]
        queue = _queue(run, target)
        if not os.path.isdir(queue):  # a target without a queue of ours
            return
        ownership.release()
        # Looked at behind the release, for whoever queues looks for free nodes behind that.
        if os.listdir(queue):
            from runyard.history.targets import load_target

            load_target(target, run.workspace).kick()  # type: ignore[attr-defined]
    except Exception as error:
        said.say(f"the queue was left as it is: {type(error).__name__}: {error}")
