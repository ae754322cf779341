"""What others ask of a run: files in requests/."""

from __future__ import annotations

import os

from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory

KINDS = ("cancel", "fail", "complete")


class Requests:
    """Looks for requests; cheap when nothing changed."""

    def __init__(self, run: RunDirectory) -> None:
        self._folder = run.requests
        self._stamp = -1

    def poll(self) -> dict[str, Any] | None:
        """The oldest request to end the run, or None. The stamp saves reading the folder."""
        stamp = os.stat(self._folder).st_mtime_ns
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        names = [name for name in os.listdir(self._folder) if name.endswith(".json")]
        found = [jsonl.read_json(os.path.join(self._folder, name)) for name in names]
        found = [request for request in found if request.get("request") in KINDS]
        return min(found, key=_time, default=None)


def _time(request: dict[str, Any]) -> float:
    return float(request.get("t", 0.0))
