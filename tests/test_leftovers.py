"""What a test leaves running is ended and named; what a fixture of the session started is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runyard.testing import runs
from tests.leftovers import Leftovers, unmarked

SLEEP = ["sleep", "600"]


@pytest.fixture
def leftovers(monkeypatch: pytest.MonkeyPatch) -> Leftovers:
    found = Leftovers(grace_s=0.2)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    found.mark()
    return found


def started(*argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, env=os.environ)


def test_what_does_not_end_is_ended_with_its_children(leftovers: Leftovers) -> None:
    text = "sleep 600 & wait"
    process = started("sh", "-c", text)
    runs.wait_for(lambda: sorted(leftovers.now().values()) == [f"sh -c {text}", "sleep 600"])
    assert sorted(leftovers.end().values()) == [f"sh -c {text}", "sleep 600"]
    process.wait()
    assert leftovers.now() == {}


def test_what_ends_by_itself_is_waited_for(leftovers: Leftovers) -> None:
    leftovers.grace_s = 60
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, env=os.environ)
    assert process.stdin is not None
    runs.wait_for(lambda: process.pid in leftovers.now())
    ending = threading.Timer(0.1, process.stdin.close)
    ending.start()
    assert leftovers.end() == {}
    assert process.wait() == 0
    ending.join()


def test_of_others_and_of_what_outlives_a_test_nothing_is_ended(leftovers: Leftovers) -> None:
    other = Leftovers()
    with unmarked():
        lasting = started(*SLEEP)
    other.mark()
    of_other = started(*SLEEP)
    assert leftovers.end() == {}
    runs.wait_for(lambda: list(other.now()) == [of_other.pid])
    for process in (lasting, of_other):
        assert process.poll() is None
        process.kill()
        process.wait()


TESTS = """
import multiprocessing
import subprocess
import pytest
from tests import leftovers

leftovers.of_this_worker.grace_s = 0.2
processes = []


@pytest.fixture(scope="module")
def server():
    process = subprocess.Popen(["sleep", "601"])
    yield process
    process.kill()
    process.wait()


def test_one(server):
    processes.append(subprocess.Popen(["sleep", "602"]))
    assert not "as it should be"


def test_two(server):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(len, ["abc"]) == [3]
    assert processes[0].wait() == -9
    assert server.poll() is None
"""


def test_a_test_that_left_something_is_told_of_and_the_next_has_nothing_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_them.py").write_text(TESTS)
    plugins = ["tests.leftovers", "no:xdist", "no:random_order", "no:cacheprovider"]
    chosen = [word for plugin in plugins for word in ("-p", plugin)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "/dev/null", *chosen, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert "left running, and ended now: ['sleep 602']" in done.stdout, done.stdout
    assert "1 failed, 1 passed, 1 error" in done.stdout
