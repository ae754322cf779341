"""A workspace that is moved or renamed while a run goes on."""

from __future__ import annotations

import os

from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory


def follow(run: RunDirectory) -> bool:
    """Learn where the run directory lies now; True when it is another place than before.

    A runner on the machine of its submitter has it as its current folder, which goes along.
    """
    if os.path.exists(run.path):
        return False
    try:
        place = os.getcwd()
    except OSError:  # it was removed
        return False
    if os.path.basename(place) != run.id or not os.path.exists(os.path.join(place, "run.json")):
        return False
    said.say(f"{run.path} is now {place}")
    run.path = place
    return True
