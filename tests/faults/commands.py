"""The commands of a user, run in the process of the tests."""

from __future__ import annotations

import io
import logging
import signal
from typing import NamedTuple

from click.testing import CliRunner

from runyard.cli import program

LONGEST_S = 60


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def typed(*words: object) -> Said:
    """Run a command; one that hangs, and one that raises, fails the test."""
    text = [str(word) for word in words]

    def expire(*_: object) -> None:
        raise AssertionError(f"runyard {' '.join(text)} goes on for {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(LONGEST_S)
    log = io.StringIO()
    handler = logging.StreamHandler(log)  # on a terminal these are lines of stderr
    logging.getLogger().addHandler(handler)
    try:
        done = CliRunner().invoke(program, text)
    finally:
        logging.getLogger().removeHandler(handler)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr + log.getvalue())
