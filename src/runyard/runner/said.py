"""What the runner says in its own log, and what it records on its way."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.events import EventLog
    from runyard.record.states import Reason, Status
    from runyard.runner.supervision import Outcome


def say(text: object) -> None:
    """Print a line to system_logs/runner.txt; a full disk must not end a supervised run."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        return


def status(log: EventLog, status: Status, **detail: Any) -> None:
    """Record how far the run has got; what has no room on the disk is written with its end."""
    try:
        log.status(status, **detail)
    except OSError as error:
        say(f"cannot record that the run is {status}: {error}")


def ended(reason: Reason, outcome: Outcome) -> None:
    """All is done but for writing the end; ``runner.verdict`` reads this line."""
    say(f"ended: {reason.value} {outcome}")
