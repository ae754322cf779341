"""The end of the program: as Python ends, without taking everything apart first."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def leave(code: str | int | None) -> NoReturn:
    """End the process with the ``code`` of a SystemExit.

    What was to be done at exit is done and what was printed is written; then nothing is freed one
    by one, which takes 7 ms of a small command and 20 ms of a submit.
    """
    status = 0 if code is None else code
    if not isinstance(status, int) or _has_threads():
        sys.exit(status)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # Python knows what to say of that
        sys.exit(status)
    os._exit(status & 0xFF)


def _has_threads() -> bool:
    """Whether there are others, which Python may have to wait for."""
    return "threading" in sys.modules and sys.modules["threading"].active_count() > 1
