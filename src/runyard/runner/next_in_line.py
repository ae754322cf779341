"""What the runner of a run that has ended does for those that wait in the queue of its target."""

from __future__ import annotations

import os

from runyard.record import jsonl
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership


def start(run: RunDirectory, ownership: Ownership) -> None:
    """Give the node of an ended run up, and start who is next; the run's end stands."""
    try:
        target = jsonl.read_json(run.run_json)["spec"]["target"]
        queue = os.path.join(run.workspace.pool(target), "queue")
        if not os.path.isdir(queue):  # a target without a queue of ours
            return
        ownership.release()
        # Looked at behind the release, for whoever queues looks for free nodes behind that.
        if os.listdir(queue):
            from runyard.history.targets import load_target

            load_target(target, run.workspace).kick()  # type: ignore[attr-defined]
    except Exception as error:
        said.say(f"the queue was left as it is: {type(error).__name__}: {error}")
