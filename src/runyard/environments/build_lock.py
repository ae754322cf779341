"""One builder per environment, across processes and machines, safe under ``kill -9``."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
# Of the time waited so far: what a waiter may lose to its own pauses.
_SHARE = 0.05
_REPORT_EVERY_S = 5.0


class BuildLock:
    """Holds the lock file ``path`` while in a ``with`` block.

    The kernel frees the lock when the process is gone, so a killed builder blocks nobody. The
    file stays; taking it away would let two builders hold two different files of the same name.
    """

    def __init__(self, path: str, say: Callable[[str], object]) -> None:
        self._path = path
        self._say = say
        self._descriptor = -1

    def __enter__(self) -> BuildLock:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait()
            self._sign()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _wait(self) -> None:
        """Take the lock; say at once and then every few seconds who has it."""
        next_report = started = time.monotonic()
        while not self._taken():
            now = time.monotonic()
            if now >= next_report:
                self._say(f"Waiting for another build of this environment: {self._holder()}")
                next_report = now + _REPORT_EVERY_S
            time.sleep(min(max(_FIRST_PAUSE_S, _SHARE * (now - started)), _LONGEST_PAUSE_S))
        if next_report > started:
            self._say(f"Waited {time.monotonic() - started:.1f} s for that build")

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _sign(self) -> None:
        signature = {"pid": os.getpid(), "host": os.uname().nodename, "started": time.time()}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(signature).encode(), 0)

    def _holder(self) -> str:
        try:
            holder = json.loads(os.pread(self._descriptor, 4096, 0))
            since = time.strftime("%H:%M:%S", time.localtime(holder["started"]))
            return f"process {holder['pid']} on {holder['host']}, since {since}"
        except (ValueError, KeyError, TypeError):
            # The holder has not signed yet.
            return "its process is just starting"
