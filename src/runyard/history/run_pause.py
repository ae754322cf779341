"""The pauses of whoever waits for a run, or follows its logs: until there is something new."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from runyard.history.folder_changes import CLOSED, WRITTEN, FolderChanges
from runyard.history.reconcile import handle_of
from runyard.record import owner, pidfd
from runyard.record.layout import RunDirectory

SHORTEST_S = 0.005
LONGEST_S = 0.2
"""How often logs are looked at where nobody tells of them: more rarely while nothing comes."""

SELDOM_S = 2.0
"""How often they are looked at where nothing can be missed."""

TOGETHER_S = 0.002
_GROWTH = 1.5
_SHORT_S = 0.02


class RunPause:
    """``pause(seconds)`` returns when a file in one of some folders has been written to.

    It returns as well when the end of the run is on the disk, or its runner has ended, and after
    ``seconds``. A runner that has been seen to end ends nothing more, whatever becomes of its run.
    Where the kernel tells of every change, and the runner is one of this machine, a pause of
    `LONGEST_S` or more is one of `SELDOM_S`. A log that is written to all the time is looked at 500
    times a second.
    """

    def __init__(self, run: RunDirectory, *folders: str) -> None:
        """``folders``: those of the logs, which need not be there."""
        self._run = run
        # Of the run's own files the closed ones: its end is on the disk then.
        self._folders = {run.path: CLOSED, **dict.fromkeys(folders, WRITTEN)}
        self._only_end = not folders
        self._changes: FolderChanges | None = None
        self._runner = -1
        self._who: dict[str, Any] = {}
        self._returned_s = 0.0

    def __enter__(self) -> RunPause:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, seconds: float) -> None:
        """Pause."""
        self._find_runner()
        # What was written before a folder was watched is told by nobody: look once more.
        if not self._is_newly_watched(seconds):
            self._wait(seconds)
        self._returned_s = time.monotonic()

    def _is_newly_watched(self, seconds: float) -> bool:
        # The end of a runner tells of that of its run; and a run that is short is looked at often.
        if self._only_end and (self._runner >= 0 or seconds <= _SHORT_S):
            return False
        self._changes = self._changes or FolderChanges()
        return any(self._changes.watch(*folder) for folder in self._folders.items())

    def _wait(self, seconds: float) -> None:
        told = select.poll()
        if self._runner >= 0:
            told.register(self._runner, select.POLLIN)
        changes = self._changes
        if changes is not None and changes.fd >= 0:
            told.register(changes.fd, select.POLLIN)
            if seconds >= LONGEST_S and self._runner >= 0 and changes.tells_all():
                seconds = SELDOM_S
        found = {fd for fd, _ in told.poll(seconds * 1000)}
        if self._runner in found:
            self._forget_runner()
        elif found and changes is not None:
            time.sleep(max(0.0, self._returned_s + TOGETHER_S - time.monotonic()))
            changes.forget()

    def _find_runner(self) -> None:
        if self._runner < 0:
            who = owner.signature(self._run.lock)
            if who.get("pid") == os.getpid():
                # Who has submitted a run is its owner until the runner has begun.
                who = handle_of(self._run)
            if who != self._who:
                self._runner = _opened(who)
                self._who = who if self._runner >= 0 else {}

    def _forget_runner(self) -> None:
        """One that has ended does so once, whatever becomes of its run."""
        if self._runner >= 0:
            os.close(self._runner)
            self._runner = -1

    def close(self) -> None:
        """Watch no longer."""
        self._forget_runner()
        if self._changes is not None:
            self._changes.close()


def pausing(
    run: RunDirectory, sleep: Callable[[float], None] | None, *folders: str
) -> AbstractContextManager[Callable[[float], None]]:
    """A `RunPause` of the run and these folders; ``sleep`` in its place, where there is one."""
    return RunPause(run, *folders) if sleep is None else nullcontext(sleep)


def _opened(who: dict[str, Any]) -> int:
    """A file that can be read from once the runner of that identity has ended; -1: none.

    As of one on another machine, and where processes cannot be watched (Linux before 5.3).
    """
    if not who or who.get("pid") == os.getpid() or not owner.is_alive(who):
        return -1
    found = pidfd.opened(who["pid"])
    if found is None:
        return -1
    # Still it, and not one that was given its number?
    if owner.is_alive(who):
        return found
    os.close(found)
    return -1


def copy_until(
    done: Callable[[], bool], copy: Callable[[bool], bool], pause: Callable[[float], None]
) -> None:
    """Call ``copy`` until all is ``done``, and once more then, with True.

    ``copy`` says whether there was anything; ``pause`` is given seconds. What was written before
    the end is copied, since the end is asked for first.
    """
    pause_s = SHORTEST_S
    while True:
        last = done()
        pause_s = SHORTEST_S if copy(last) else min(pause_s * _GROWTH, LONGEST_S)
        if last:
            return
        pause(pause_s)
