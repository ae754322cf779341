"""Whose run it is: the lock that makes a process the run's runner.

Law *only the runner ends a run*: whoever holds the lock of a run directory is its runner, nobody
else appends to events.jsonl. The submitter takes the lock before it starts a runner and hands the
open file over, so there is no moment in which a living run is unlocked; the kernel releases the
lock when the last holder is gone, however it died.
"""

import fcntl
import os
import stat

from runyard.record import jsonl, regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class Ownership:
    """The lock of one run directory, held. ``fd`` may be inherited by the runner process."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        """Let go. The lock stays held while a process that inherited it lives."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def take(lock_path: str) -> "Optional[Ownership]":
    """Become the runner of a run; None when somebody living already is. Raises OSError."""
    fd = regular.open_fd(lock_path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return Ownership(fd)


def sign(ownership: Ownership, identity: "Dict[str, Any]") -> None:
    """Write who holds the lock into it, for people and for other machines."""
    line = jsonl.encode(identity)
    os.pwrite(ownership.fd, line, 0)
    os.ftruncate(ownership.fd, len(line))


def signature(lock_path: str) -> "Dict[str, Any]":
    """The identity of the last holder; {} when there was none, and when it cannot be read."""
    try:
        records = jsonl.read(lock_path)
    except OSError:  # nobody can take that lock either, so nothing is done for want of a name
        return {}
    return records[0] if records else {}


def is_held(lock_path: str) -> bool:
    """True while a process on a machine that shares this file's locks is the runner."""
    try:
        fd = regular.open_fd(lock_path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def is_own(run_path: str) -> bool:
    """Whether a run directory is this user's own, so that one may act on what is written in it.

    A workspace may be shared, or have been made to be looked at by others: what stands in the
    folder of another user is shown, and nothing is started, ended, signalled or written for it.
    It, or a folder above, may be a link (``runs`` on a larger disk) that this user has made.
    """
    try:
        own = os.stat(run_path).st_uid == os.geteuid()
    except OSError:
        return False
    return own and not is_led_elsewhere(run_path)


def is_led_elsewhere(run_path: str) -> bool:
    """Whether a link of another user, in the workspace, has the place of a run directory.

    It may lead to a run of ours in another workspace. False where there is nothing.
    """
    experiment = os.path.dirname(run_path)
    return any(_is_anothers_link(p) for p in (run_path, experiment, os.path.dirname(experiment)))


def _is_anothers_link(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) and found.st_uid != os.geteuid()


def identity(pid: "Optional[int]" = None) -> "Dict[str, Any]":
    """A process so that it cannot be mistaken: host, boot, pid and start time.

    ``start`` is in clock ticks since boot, as in /proc/PID/stat; a pid that is used again has
    another one. ``boot`` changes when the machine restarts.
    """
    pid = os.getpid() if pid is None else pid
    return {"host": os.uname()[1], "boot": _boot_id(), "pid": pid, "start": start_ticks(pid)}


def is_alive(who: "Dict[str, Any]") -> "Optional[bool]":
    """Whether the process of an ``identity`` lives; None when this machine cannot know."""
    if who.get("host") != os.uname()[1]:
        return None
    if who.get("boot") != _boot_id():
        return False
    pid, start = who.get("pid"), who.get("start")
    # A damaged one is nobody's, as is that of a process that was gone before it could be looked at.
    return type(pid) is int and pid > 0 and start is not None and start_ticks(pid) == start


def start_ticks(pid: int) -> "Optional[int]":
    """Start time of a process in clock ticks since boot; None when there is none (or a zombie)."""
    try:
        with open("/proc/{}/stat".format(pid), "rb") as stream:
            # The second field is the program's name in parentheses and may hold anything.
            fields = stream.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == b"Z" else int(fields[19])


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            return stream.read().strip()
    except OSError:
        return ""
