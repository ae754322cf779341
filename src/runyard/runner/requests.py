"""What others ask of a run: files in requests/."""

from __future__ import annotations

import os

from runyard.record import jsonl
from runyard.runner import moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory

KINDS = ("cancel", "fail", "complete")


class Requests:
    """Looks for requests; nothing that lies or does not lie there disturbs a run."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._kinds: tuple[str, ...] = KINDS
        self._ignored: frozenset[str] = frozenset()

    def only_new(self, *kinds: str, since_ns: int | None = None) -> None:
        """From now on heed requests of these kinds alone, and none that lies there already.

        ``since_ns``: none that was made until then, as the file system tells time; None: now.
        """
        self._kinds = kinds
        try:
            names = os.listdir(self._run.requests)
        except OSError:
            names = []
        self._ignored = frozenset(
            name for name in names if since_ns is None or self._made_ns(name) <= since_ns
        )

    def _made_ns(self, name: str) -> int:
        try:
            return os.stat(os.path.join(self._run.requests, name)).st_mtime_ns
        except OSError:
            return 0

    def poll(self) -> dict[str, Any] | None:
        """The oldest request to end the run, or None.

        The folder is read each time (10 µs): its time of change counts in steps of some
        milliseconds, and a request that came in the same step as the last look would be missed.
        """
        try:
            names = os.listdir(self._run.requests)
        except OSError:  # the script has removed it, or it was moved: looked for next time
            self.follow()
            return None
        found = [
            self._read(name)
            for name in names
            if _kind(name) in self._kinds and name not in self._ignored
        ]
        return min(found, key=_time, default=None)

    def follow(self) -> None:
        """Find the run directory where it was moved to, for all who have it from here."""
        moved.follow(self._run)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            body = jsonl.read_json(os.path.join(self._run.requests, name))
        except (OSError, ValueError):  # left on a full disk: the name says enough
            body = {}
        return {**body, "request": _kind(name)}


def _kind(name: str) -> str | None:
    kind = name.partition("-")[0]
    return kind if kind in KINDS and name.endswith(".json") else None


def _time(request: dict[str, Any]) -> float:
    return jsonl.moment(request) or 0.0
