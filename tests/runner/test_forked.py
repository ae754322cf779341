"""Forks of the runner: they do one thing and never come back into it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runyard.runner.forked import forked


def test_its_end_is_that_of_the_action() -> None:
    assert forked(lambda: None).wait() == 0
    assert forked(lambda: os.kill(os.getpid(), signal.SIGKILL)).wait() == -signal.SIGKILL


def test_a_fork_that_cannot_say_why_it_failed_ends_all_the_same(tmp_path: Path) -> None:
    """On a full disk; else a second runner would go on with the run."""
    code = (
        "import sys; from runyard.runner.forked import forked\n"
        "def fail(): print('lost'); raise OSError('no room')\n"
        "assert forked(fail).wait() == 1\n"
        "open(sys.argv[1], 'a').write('once ')\n"
    )
    log = tmp_path / "log"
    with open("/dev/full", "w") as full:
        subprocess.run([sys.executable, "-c", code, log], stdout=full, stderr=full, check=False)
    assert log.read_text() == "once "


def test_a_signal_that_comes_at_once_ends_it() -> None:
    """It inherits the runner's handler, which only takes note, for not one instruction."""
    noted = []
    former = signal.signal(signal.SIGTERM, lambda *_: noted.append(1))
    try:
        for _ in range(50):
            child = forked(signal.pause)
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait() == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, former)
    assert noted == []
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_caller_is_not_deaf_afterwards(number: signal.Signals) -> None:
    noted = []
    former = signal.signal(number, lambda *_: noted.append(1))
    try:
        forked(lambda: None).wait()
        os.kill(os.getpid(), number)
    finally:
        signal.signal(number, former)
    assert noted == [1]
