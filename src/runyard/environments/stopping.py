"""Signals that end a build, so that it can clear up."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


class Stopped(BaseException):
    """A signal asked this process to end; not an Exception, so that nothing swallows it."""


def stopped_by_signals() -> None:
    """Make SIGTERM, SIGINT and SIGHUP raise ``Stopped``, so that clean-up runs."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt the clean-up after the first.
    for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)
