"""Making this process the new parent of orphans below it, so that none escapes."""

from __future__ import annotations

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become() -> None:
    """Orphaned descendants are handed to this process instead of to init (prctl(2))."""
    # Imported here: the script has been started by now and need not wait for ctypes.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
