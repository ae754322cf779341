"""The process between the runner and the script: who stays to see how the script ends.

A fork of the runner that does nothing but wait. Should the runner be killed, the exit code of the
script is on the disk all the same, and another runner can go on (``runner.adopting``). It is a fork
and no shell, since a shell loses variables whose names it does not like, and makes one number of
``exit 137`` and SIGKILL. To the script it is as if the runner had started it: session, group,
signals, files and variables are the same.

Law *a script that was started is known*: the witness inherits the run's lock and gives it up when
its first line is on the disk. Who finds the lock free, and no line, knows that nothing was started.
"""

from __future__ import annotations

import os
import select
import time

from runyard.record import early_json, jsonl, owner, script
from runyard.runner import memory, said
from runyard.runner.supervision import end_of, reap_orphans
from runyard.runner.tree import ProcessTree, end_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import NoReturn

    from runyard.computes.spawning import Started
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
else:
    import _signal as signal  # what signal is made of, without enum

_HEARD = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGALRM),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
"""What is meant for the script, and does not end its witness."""

_TO_END_S = 10.0
"""What a witness may take when the script has ended; where it gets a processor it needs 1 ms."""


class Script:
    """The script, by its witness; as much of ``subprocess.Popen`` as a supervisor needs.

    ``pid``: of the witness, which is the child of this process; ``script``: of the script itself.
    Where the witness is killed the script becomes the child of this process, a subreaper: ``pid``
    is that of the script from then on.
    """

    def __init__(self, pid: int, report: int) -> None:
        """``report``: a pipe of which the witness holds the other end.

        Raises OSError when the script could not be started.
        """
        self.pid = pid
        self._report = report
        self._said = b""
        self._code: int | None = None
        try:
            self.script = self._started()
        except BaseException:
            os.waitpid(pid, 0)
            os.close(report)
            raise

    def _started(self) -> int:
        while b"\n" not in self._said:
            part = os.read(self._report, 4096)
            if not part:
                raise ChildProcessError("the process that was to start the script was killed")
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        body = early_json.loads(line.decode())
        if "errno" in body:
            raise OSError(body["errno"], body["strerror"], body["filename"])
        if "error" in body:
            raise ChildProcessError(body["error"])
        return int(body["pid"])

    def poll(self) -> int | None:
        """The exit code of the script, negative for a signal; None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.script:
                self._code = os.waitstatus_to_exitcode(status)
            elif pid:
                self._note()
        return self._code

    def wait(self) -> int:
        """The exit code of a script that has ended. A witness that is stopped is killed."""
        until = time.monotonic() + _TO_END_S
        while self.poll() is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            self.wake()
            time.sleep(0.001)
        assert self._code is not None
        return self._code

    def wake(self) -> None:
        """A witness that was stopped goes on when the script has ended: to say how."""
        if self.pid != self.script and owner.start_ticks(self.script) is None:
            os.kill(self.pid, signal.SIGCONT)

    def _note(self) -> None:
        """What the witness has seen; where that was killed, the script is watched itself."""
        while select.select([self._report], [], [], 0)[0]:
            part = os.read(self._report, 4096)
            if not part:
                break
            self._said += part
        os.close(self._report)
        seen = early_json.loads(self._said.partition(b"\n")[0].decode() or "{}").get("code")
        if seen is None:
            said.say("the witness of the script was killed; the script goes on")
            self.pid = self.script
        else:
            self._code = int(seen)


class Watched(ProcessTree):
    """What a supervisor watches of a script that has a witness: both, and all below them."""

    def __init__(self, process: Script, run: RunDirectory) -> None:
        super().__init__(process, run)
        self._script = process
        self._witness = process.pid
        self.pid = process.script
        self._memory = memory.OomWatch(process.script)

    def wait(self, patience_ms: int) -> bool:
        """Wait so long for the end of the witness, or where that is killed of the script."""
        if not super().wait(patience_ms):
            return False
        if self._script.poll() is None:
            self._ended = end_of(self._script)
            return False
        return True

    def look(self) -> None:
        """Note which memory group the script is in, and whether only its witness is left."""
        reap_orphans(self._witness, self.pid)
        self._script.wake()
        self._memory.look()

    def end(self, grace_s: float) -> int:
        """End the script and all that is below this runner for the run, but not its witness."""
        return end_below(self._run, grace_s, self._reap, spare=self._witness)

    def _reap(self) -> None:
        self._process.poll()
        reap_orphans(self._witness, self.pid)


def start(run: RunDirectory, ownership: Ownership, begin: Callable[[], Started]) -> Script:
    """Start the script by ``begin``, in a process that waits for its end. Raises OSError."""
    receive, send = os.pipe()
    pid = os.fork()
    if not pid:
        _be_the_witness(run, ownership, begin, send)
    os.close(send)
    return Script(pid, receive)


def _be_the_witness(
    run: RunDirectory, ownership: Ownership, begin: Callable[[], Started], send: int
) -> NoReturn:
    """Never returns, whatever is raised: two runners would write the end of one run."""
    try:
        os.setsid()  # what is sent to the runner's group is not for us
        for number in _HEARD:
            signal.signal(number, lambda *_: None)
        _witness(run, ownership, begin, send)
    finally:
        os._exit(0)


def _witness(
    run: RunDirectory, ownership: Ownership, begin: Callable[[], Started], send: int
) -> None:
    record = None
    try:
        record = script.begin(run)
        ownership.release()
        process = begin()
    except Exception as error:
        _tell(send, _as_body(error))
        if record is not None:
            _note(record, error=f"{error}")
        return
    _tell(send, {"pid": process.pid})
    _note(record, script=process.pid, started=owner.start_ticks(process.pid))
    watch = memory.OomWatch(process.pid)
    code = process.wait()
    struck = code in _MAY_BE_MEMORY and watch.struck()
    _tell(send, {"code": code})
    _note(record, code=code, **({"out_of_memory": True} if struck else {}))


_MAY_BE_MEMORY = (-signal.SIGKILL, 128 + signal.SIGKILL)


def _tell(send: int, body: dict[str, object]) -> None:
    try:
        os.write(send, jsonl.encode(body))
    except OSError:  # the runner is gone
        return


def _note(record: jsonl.Appender, **what: object) -> None:
    """The first line has taken its block of the disk, so there is room for this on a full one."""
    try:
        record.append({"t": time.time(), **what})
    except OSError:
        return


def _as_body(error: Exception) -> dict[str, object]:
    if isinstance(error, OSError) and error.errno is not None:
        filename = None if error.filename is None else os.fsdecode(error.filename)
        return {"errno": error.errno, "strerror": error.strerror, "filename": filename}
    return {"error": f"{type(error).__name__}: {error}"}
