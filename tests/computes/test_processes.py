from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from runyard.computes import processes

SLEEP = "import time; time.sleep(60)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(1, flush=True)
time.sleep(60)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", SLEEP])
    yield process
    process.kill()
    process.wait()


def test_descendants_are_found_and_zombies_are_not(child: subprocess.Popen[bytes]) -> None:
    assert child.pid in processes.descendants(os.getpid())
    child.kill()
    while child.pid in processes.descendants(os.getpid()):
        time.sleep(0.005)
    assert child.returncode is None  # not collected: it is a zombie, and no longer reported


def test_end_kills_what_ignores_term() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()

    def alive() -> list[int]:
        return [process.pid] if process.poll() is None else []

    assert processes.end(alive, grace_s=0.2) == 1
    assert process.wait() == -9
    process.stdout.close()


def test_end_counts_none_when_term_is_enough(child: subprocess.Popen[bytes]) -> None:
    assert processes.end(lambda: [child.pid] if child.poll() is None else [], grace_s=10) == 0
    assert child.wait() == -15


def test_processes_of_a_run_are_known_by_their_variable() -> None:
    env = {**os.environ, "RUNYARD_RUN_DIRECTORY": "/runs/a"}
    process = subprocess.Popen([sys.executable, "-S", "-c", SLEEP], env=env)
    try:
        assert process.pid in processes.of_run("/runs/a")
        assert process.pid not in processes.of_run("/runs/b")
        assert process.pid in processes.descendants_of_run(os.getpid(), "/runs/a")
        assert process.pid not in processes.descendants_of_run(os.getpid(), "/runs/b")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def one_processor() -> Iterator[None]:
    """This process and those that it starts have one between them."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.mark.usefixtures("one_processor")
def test_variables_are_known_as_soon_as_a_process_has_its_program() -> None:
    """Amid its execve the old ones are gone, and the new ones not there yet.

    The kernel wakes up there who looks for them meanwhile, nearly always on one processor.
    """
    marked = {**os.environ, "RUNYARD_RUN_DIRECTORY": "/runs/a"}
    for _ in range(100):
        with subprocess.Popen(["sleep", "60"], env=marked) as process:
            try:
                assert processes.variables_of(process.pid) == marked
                assert process.pid in processes.of_run("/runs/a")
            finally:
                process.kill()


def test_whether_there_are_children() -> None:
    code = (
        "import subprocess\n"
        "from runyard.computes import processes\n"
        "print(processes.has_children())\n"
        "with subprocess.Popen(['sleep', '60']) as child:\n"
        "    print(processes.has_children())\n"
        "    child.kill()\n"
        "print(processes.has_children())\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said.split() == ["False", "True", "False"]
