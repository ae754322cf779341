"""Folders shown by FUSE while the script runs: a process each, which ends with it.

Only imported by runs that have such data.
"""

from __future__ import annotations

import sys
import time

from runyard.data import fuse_mount
from runyard.record.states import Reason
from runyard.runner import ending, said
from runyard.runner.forked import forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End

_PATIENCE_S = 20.0


def mount(run: RunDirectory, found: list[Place], ownership: Ownership) -> End | None:
    """Show what is to be shown by FUSE; returns the end of a run for which that failed."""
    for place in found:
        if place.is_fuse and not _is_shown(run, place, ownership):
            message = (
                f"{place.called} (mount of {place.of}): FUSE could not show it at {place.here!r}, "
                "see the end of system_logs/runner.txt; register the datastore without "
                "mount='fuse' to have its files fetched"
            )
            return ending.End(Reason.DATA_FAILED, {"type": "FuseError", "message": message})
    return None


def _is_shown(run: RunDirectory, place: Place, ownership: Ownership) -> bool:
    server = forked(lambda: _serve(run, place, ownership))
    give_up = time.monotonic() + _PATIENCE_S
    while not fuse_mount.is_mounted(place):
        if server.poll() is not None or time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True


def _serve(run: RunDirectory, place: Place, ownership: Ownership) -> None:
    ownership.release()  # else the run would look alive while only its data is shown
    if sys.flags.no_site:
        import site

        site.main()
    try:
        fuse_mount.serve(run, place)
    except RuntimeError as error:  # the number libfuse ends with: 8 after a signal
        said.say(f"{place.name} is not shown by FUSE any more: libfuse ended with {error}")
