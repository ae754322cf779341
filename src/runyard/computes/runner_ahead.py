"""A runner that is started while its run is still being planned, and waits for it.

An interpreter and its imports take 12 ms, which need nothing of the run but its path, and planning
takes 5 ms: so both are done at once. What ``runner_process.start`` gives to other runners at their
start, this one gets by a socket: the run's lock, and its variables. Where no run comes of it, be it
that the plan is refused or that the submitter is killed, it reads the end of the file and ends: it
has opened nothing until then, and made nothing.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess

from runyard.computes import runner_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership

_PART_BYTES = 1 << 16


@contextlib.contextmanager
def waiting(run: RunDirectory) -> Iterator[None]:
    """Start the runner of a run that does not exist yet; one that nobody took by then is ended.

    Where it cannot be started nothing is said: ``runner_process.start`` will.
    """
    try:
        ahead = _Ahead(run)
    except Exception:
        yield
        return
    runner_process.AHEAD[run.path] = ahead
    try:
        yield
    finally:
        if runner_process.AHEAD.get(run.path) is ahead:
            del runner_process.AHEAD[run.path]
        if not ahead.taken:
            ahead.end()


class _Ahead:
    def __init__(self, run: RunDirectory) -> None:
        python, runner = runner_process.own_program()
        self.taken = False
        self._ours, theirs = socket.socketpair()
        for one in (self._ours, theirs):
            one.setblocking(True)  # whatever socket.setdefaulttimeout says
        try:
            with theirs:
                given = runner_process.variables({})
                self._process = subprocess.Popen(
                    [python, "-I", "-S", runner, run.path, f"ahead:{theirs.fileno()}"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    # Whose process it is must be seen from its start: it may be below another run.
                    env={**given, "RUNYARD_RUN_DIRECTORY": run.path},
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),),
                )
        except BaseException:
            self._ours.close()
            raise

    def hand_over(
        self, ownership: Ownership, variables: Mapping[str, str]
    ) -> subprocess.Popen[bytes] | None:
        """Give it the run's lock and all its variables; None where it has died meanwhile."""
        from runyard.record import jsonl

        body = jsonl.encode(dict(variables))
        try:
            with self._ours:
                flags = socket.MSG_NOSIGNAL
                sent = socket.send_fds(self._ours, [body[:_PART_BYTES]], [ownership.fd], flags)
                while sent < len(body):
                    sent += self._ours.send(body[sent:], flags)
                # Closing does not tell where another thread has forked a copy of this process.
                self._ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.end()
            return None
        self.taken = True
        return self._process

    def end(self) -> None:
        """End it: it has nothing to save. Before it reads the end of the file, and ends itself."""
        self._process.kill()
        self._process.wait()
        self._ours.close()
