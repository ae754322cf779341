"""Who builds an environment, written beside its lock: for people, and for other machines.

``flock`` is enough on one machine, and on most network folders. Where it is not shared between
machines, or not there at all, this file decides: making it is atomic everywhere, and its time of
change, renewed while the builder lives, is a sign of life that other machines can see.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import time

from runyard.record import owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SIGN_OF_LIFE_EVERY_S = 5.0
SILENCE_S = 60.0
"""A builder of another machine that gave no sign of life for so long is gone."""

_SETTLE_S = 0.2
_NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)
# Clocks of machines differ; only pruning compares them.
_PRUNING_PATIENCE_S = 600.0


class OwnerFile:
    """The file ``path``: it is there while somebody builds, and says who."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mine = ""
        self._seen: tuple[str, int] | None = None
        self._seen_at = 0.0
        self._judged = ""

    def made(self) -> bool:
        """Make the file, signed; False when somebody else's is there.

        Signed before it has its name: of a builder that was killed between the two, nobody could
        tell whose it was, and all would wait for as long as for one of another machine.
        """
        mine = json.dumps({**owner.identity(), "started": time.time()})
        signed = f"{self._path}.{os.uname().nodename}.{os.getpid()}.signed"
        try:
            _write(signed, mine, os.O_TRUNC)
            try:
                os.link(signed, self._path)
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                _write(self._path, mine, os.O_EXCL)
        except FileExistsError:
            return False
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(signed)
        self._mine = mine
        return True

    def is_mine(self) -> bool:
        """Whether it is still ours: another machine may have taken us for gone."""
        found = self._read()
        return bool(self._mine) and found is not None and found[0] == self._mine

    def remove(self) -> None:
        """Remove it, where it is ours."""
        if self.is_mine():
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def owner_is_gone(self, alone_here: bool) -> bool:
        """Whether who signed cannot be building any more.

        ``alone_here``: we hold a lock that a builder on this machine would hold.
        """
        found = self._read()
        if found is None:  # just removed: the next attempt to make it will tell
            return False
        self._judged = found[0]
        who = _signature(found[0])
        if who.get("host") == os.uname().nodename:
            here = owner.identity()
            if alone_here and who.get("boot") == here["boot"]:
                return True
            return not owner.is_alive(who)
        return self._silent_s(found) >= SILENCE_S

    def take_over(self) -> bool:
        """Make the file in place of that of the owner who is gone; False when another did."""
        aside = f"{self._path}.{os.uname().nodename}.{os.getpid()}"
        try:
            os.rename(self._path, aside)
        except FileNotFoundError:
            return self.made()
        try:
            with open(aside, encoding="utf-8") as file:
                moved = file.read()
            if moved != self._judged:
                # Somebody was faster, and what was moved is theirs.
                with contextlib.suppress(OSError):
                    os.link(aside, self._path)
                return False
        finally:
            os.unlink(aside)
        if not self.made():
            return False
        time.sleep(_SETTLE_S)  # until another that saw the same has moved, and put back, ours
        return self.is_mine()

    def described(self) -> str:
        """Who it is, in words."""
        found = self._read()
        who = _signature(found[0]) if found else {}
        try:
            since = time.strftime("%H:%M:%S", time.localtime(who["started"]))
            text = f"process {who['pid']} on {who['host']}, since {since}"
        except (KeyError, TypeError, ValueError):
            return "its process is just starting"
        if found is None or who["host"] == os.uname().nodename:
            return text
        silent_s = self._silent_s(found)
        if silent_s < 2 * SIGN_OF_LIFE_EVERY_S:
            return text
        return f"{text} (silent for {silent_s:.0f} s; taken over after {SILENCE_S:.0f} s)"

    @contextlib.contextmanager
    def sign_of_life(self) -> Iterator[None]:
        """Renew the file's time while in the block.

        By a timer, which needs no thread: new processes are started meanwhile. Not where the
        program has a timer of its own, and not outside the main thread.
        """
        if not _alive and not _timer_started():
            yield
            return
        _alive.append(self._path)
        try:
            yield
        finally:
            _alive.remove(self._path)
            if not _alive:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _read(self) -> tuple[str, int] | None:
        """Content and time of change; opened each time, so that no old answer is given."""
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                return file.read(4096), os.fstat(file.fileno()).st_mtime_ns
        except OSError:
            return None

    def _silent_s(self, found: tuple[str, int]) -> float:
        """For how long we have seen no change, by our own clock."""
        now = time.monotonic()
        if found != self._seen:
            self._seen, self._seen_at = found, now
        return now - self._seen_at


_alive: list[str] = []
"""Files of the builds of this process: one may need another."""


def _timer_started() -> bool:
    try:
        if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
            return False
        signal.signal(signal.SIGALRM, _renew)
    except ValueError:
        return False
    signal.setitimer(signal.ITIMER_REAL, SIGN_OF_LIFE_EVERY_S, SIGN_OF_LIFE_EVERY_S)
    return True


def _renew(*_: object) -> None:
    for path in _alive:
        with contextlib.suppress(OSError):
            os.utime(path)


def _write(path: str, text: str, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o666)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def is_elsewhere(path: str) -> bool:
    """Whether a builder on another machine gave a sign of life lately."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            who, changed = _signature(file.read(4096)), os.fstat(file.fileno()).st_mtime
    except OSError:
        return False
    return who.get("host") != os.uname().nodename and time.time() - changed < _PRUNING_PATIENCE_S


def _signature(text: str) -> dict[str, Any]:
    try:
        who = json.loads(text)
    except ValueError:
        return {}
    return who if isinstance(who, dict) else {}
