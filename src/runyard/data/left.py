"""What a run whose runner was killed has left of its data on this machine."""

from __future__ import annotations

import os

from runyard.data import collecting, staged
from runyard.data.places import places
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory


def tidy(run: RunDirectory) -> None:
    """Do what its runner would have done: remove links, mounts, and copies that nobody changed.

    What the script made or changed stays. To be called when nothing of the run is alive.
    """
    if os.path.exists(run.join("data", ".placed")):
        from runyard.data import fuse_mount

        fuse_mount.unmount_left(run)
    try:
        found = places(run, jsonl.read_json(run.run_json)["spec"])
        staged.apply(found, staged.read(run))
        collecting.tidy(run, found)
    except (OSError, ValueError):  # it takes room, but the end of the run must be written
        return
