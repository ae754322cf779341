"""Noting why the script is told to end, for a runner that may have to go on from there."""

from __future__ import annotations

from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Outcome


def note(run: RunDirectory, outcome: Outcome) -> None:
    """Without the note the script is ended as well: the disk may be full."""
    from runyard.record import cause

    try:
        cause.note(run, str(outcome.cause), outcome.request)
    except OSError as error:
        said.say(f"why the script is told to end was not noted: {error}")
