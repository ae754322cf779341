"""Run a command; SIGTERM, or the command's end, kills it and all that it has started.

    python tests/subreaper.py COMMAND...

What it starts cannot leave: processes without a parent become children of this one. A command that
is killed by SIGKILL is started again at once, as systemd does with daemons, and what it had started
goes on.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_END_S = 10.0


def main(command: list[str]) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    code = 1
    try:
        child = subprocess.Popen(command)
        while True:  # whoever is left without a parent is reaped here
            pid, status = os.wait()
            if pid == child.pid:
                code = os.waitstatus_to_exitcode(status)
                if code != -signal.SIGKILL:
                    break
                child = subprocess.Popen(command)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _kill_all()
    return abs(code)


def _kill_all() -> None:
    """Kill children until there are none: the children of the dead come to this process."""
    end = time.monotonic() + _END_S
    while time.monotonic() < end:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in map(int, children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
