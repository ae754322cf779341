"""Waiting for the end of a process that need not be a child of this one."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


def opened(pid: int) -> "Optional[int]":
    """A file that can be read from when the process has ended; None where there is no such thing.

    Linux before 5.3, as on RHEL 8; a Python that was built on one, as those of conda are; a process
    that is gone; more processes than files may be open.
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
