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
FORKS_AT = "KILL_POINT_OF_FORKS"
"""Variable: before which call a fork of it is killed, counted from the fork; '' as itself."""
COUNT_TO = "KILL_POINT_COUNT_TO"
"""Variable: the file that learns how many calls there were; '' for none. Of a fork: ``.fork``."""

_CALLS = """
chmod close commit copy_file_range dup2 execute executemany fchmod flock flush fork fork_exec fsync
ftruncate ioctl kill killpg link mkdir open pidfd_open pwrite remove rename replace rmdir sendfile
setsid symlink truncate unlink utime waitpid write writelines
"""
_NAMES = frozenset(_CALLS.split())
_MODULES = frozenset(["_io", "_posixsubprocess", "fcntl", "io", "posix", "sqlite3"])


class Counter:
    """Counts the calls of this process, its threads and its forks; kills it before call ``at``.

    ``forks_at``: a fork is killed before that call of its own; None: it goes on with the count.
    ``count_to``: a file that learns how many there were, when ``report`` is called or a fork ends.
    """

    def __init__(self, at: int = 0, forks_at: "int | None" = None, count_to: str = "") -> None:
        self.at = at
        self.count = 0
        self._forks_at = forks_at
        self._count_to = count_to

    def install(self) -> None:
        """Begin to count."""
        os.register_at_fork(after_in_child=self._in_fork)
        threading.setprofile(self._seen)
        sys.setprofile(self._seen)

    def remove(self) -> None:
        """Count no more."""
        sys.setprofile(None)
        threading.setprofile(None)

    def report(self) -> None:
        """Write the count to its file."""
        if self._count_to:
            with open(self._count_to, "w") as stream:
                stream.write(f"{self.count}")

    def _in_fork(self) -> None:
        if self._forks_at is not None:
            self.count, self.at = 0, self._forks_at
        self._count_to += ".fork" if self._count_to else ""

    def _seen(self, frame: object, event: str, called: "Any") -> None:
        if event == "c_call" and called is os._exit:
            self.remove()
            self.report()
        elif event == "c_call" and called.__name__ in _NAMES and _module(called) in _MODULES:
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def _module(called: "Any") -> str:
    """That of a function, or of the class of a method."""
    return called.__module__ or type(getattr(called, "__self__", None)).__module__


def of_environment() -> Counter:
    """The counter that the variables of this process ask for; they are not handed on."""
    at, forks_at = os.environ.pop(AT, ""), os.environ.pop(FORKS_AT, "")
    count_to = os.environ.pop(COUNT_TO, "")
    return Counter(int(at or 0), int(forks_at) if forks_at else None, count_to)
