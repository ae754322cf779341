"""A process that is ended by SIGKILL just before the Nth of its calls that change something.

Standard library only: it is loaded into runners, which have nothing else. Calls are counted by
the profiler of the interpreter, which is told of each call of a built-in function: those of the
system that write, rename, lock, start or end. What two of them have between them changes nothing
that another process could see, so killing before each of them is killing everywhere.
"""

import os
import signal
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AT = "KILL_POINT"
"""Variable of a process that is started: before which of its calls it is killed; '' for none."""
COUNT_TO = "KILL_POINT_COUNT_TO"
"""Variable: the file that learns how many calls there were; '' for none."""

_CALLS = """
chmod close commit copy_file_range dup2 execute executemany fchmod flock flush fork fork_exec fsync
ftruncate ioctl kill killpg link mkdir open pidfd_open pwrite remove rename replace rmdir sendfile
setsid symlink truncate unlink utime waitpid write writelines
"""
_NAMES = frozenset(_CALLS.split())
_MODULES = frozenset(["_io", "_posixsubprocess", "fcntl", "io", "posix", "sqlite3"])


class Counter:
    """Counts the calls of this process, its threads and its forks; kills it before call ``at``."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0

    def install(self) -> None:
        """Begin to count."""
        threading.setprofile(self._seen)
        sys.setprofile(self._seen)

    def remove(self) -> None:
        """Count no more."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _seen(self, frame: object, event: str, called: "Any") -> None:
        if event == "c_call" and called.__name__ in _NAMES and _module(called) in _MODULES:
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def _module(called: "Any") -> str:
    """That of a function, or of the class of a method."""
    return called.__module__ or type(getattr(called, "__self__", None)).__module__


def of_environment() -> Counter:
    """The counter that the variables of this process ask for; they are not handed on."""
    return Counter(int(os.environ.pop(AT, "") or 0))
