"""Making this process the new parent of orphans below it, so that none escapes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # what signal is made of, without enum

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def become() -> None:
    """Orphaned descendants are handed to this process instead of to init (prctl(2)).

    To be called before the script is started: one that forks at once would be too quick else.
    A submitter that ignores SIGCHLD hands that on, and the kernel would tell no exit code.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_CHILD_SUBREAPER) failed")


def end_with_parent() -> None:
    """This process gets SIGTERM when the one that started it has ended, however it did."""
    if _prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_PDEATHSIG) failed")


def _prctl(*arguments: int) -> int:
    try:
        # What ctypes itself is made of: 0.6 ms before the script starts instead of 3.
        import _ctypes

        library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        function = _ctypes.dlsym(library, "prctl")
        return int(_ctypes.call_function(function, arguments))
    except (ImportError, AttributeError):
        import ctypes

        return int(ctypes.CDLL(None).prctl(*arguments))
