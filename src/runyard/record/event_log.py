"""Writing the history of a run's status: events.jsonl; ``record.events`` reads it.

Apart from that, because a runner opens it before it imports what statuses and reasons are.
"""

import os
import time

from runyard.record import jsonl
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from runyard.record.states import Reason, Status


class EventLog:
    """Appends events; to be used only while holding the run's lock (``record.owner``).

    ``now`` returns seconds since 1970 and may be replaced in tests.
    """

    def __init__(self, run: RunDirectory, now: "Any" = time.time) -> None:
        self._appender = jsonl.Appender(run.events)
        self._run = run
        self._now = now
        self._unwritten: "List[Dict[str, Any]]" = []
        self.has_end = False

    def status(self, status: "Status", at: "Optional[float]" = None, **detail: "Any") -> None:
        """Record that the run has got as far as ``status``; ``at``: when, where it was before.

        Raises OSError (disk full): what comes next writes it first, with the time of now.
        """
        moment = self._now() if at is None else at
        event = {"t": moment, "status": status.value, "detail": detail}
        try:
            self._append(event)
        except OSError:
            self._unwritten.append(event)
            raise

    def end(self, reason: "Reason", **detail: "Any") -> None:
        """Record the end of the run; survives power loss when this returns.

        Raises OSError: when ``has_end`` is set then, only its way to the disk has failed.
        Otherwise it is not kept, since it may be said again in other words.
        """
        event = {"t": self._now(), "status": reason.status.value, "reason": reason.value}
        event["detail"] = detail
        self._append(event)
        self.has_end = True
        self._appender.sync()

    def date_from(self, moment: float) -> None:
        """What follows happened from ``moment`` on, and is noted later; seconds since 1970."""
        now, late = self._now, self._now() - moment
        if late > 0:
            self._now = lambda: now() - late

    def close(self) -> None:
        """Close the file; a later event opens it again."""
        self._appender.close()

    def _append(self, event: "Dict[str, Any]") -> None:
        while self._unwritten:
            self._appender.append(self._unwritten[0])
            del self._unwritten[0]
        self._appender.append(event)
        touch(self._run)


def touch(run: RunDirectory) -> None:
    """Stamp the run directory: its modification time says that something in it changed.

    The index reads a run again when this stamp differs from the one it knows.
    """
    try:
        os.utime(run.path)
    except OSError:
        pass
