"""The command ends as Python would end it, but for what nobody notices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import processes
from tests.cli.fixtures import History


def ended(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A process that leaves in this way."""
    text = f"import atexit, sys, threading, time\nfrom runyard.cli.leaving import leave\n{code}"
    argv = [sys.executable, "-c", text]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(argv, env=env, stderr=subprocess.PIPE, text=True, timeout=60, **more)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(("given", "code"), [("None", 0), ("0", 0), ("3", 3), ("-1", 255)])
def test_the_exit_code_is_the_same(given: str, code: int) -> None:
    assert ended(f"leave({given})").returncode == code
    assert ended(f"sys.exit({given})").returncode == code


def test_a_text_is_said() -> None:
    done = ended("leave('nothing there')")
    assert (done.returncode, done.stderr) == (1, "nothing there\n")


def test_what_was_printed_is_there_and_what_was_to_be_done_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as stream:
        ended("print('printed'); atexit.register(print, 'at exit'); leave(0)", stdout=stream)
    assert out.read_text() == "printed\nat exit\n"


def test_nothing_is_taken_apart() -> None:
    class_ = "class Last:\n    def __del__(self): print('freed', file=sys.stderr)\nlast = Last()\n"
    assert ended(class_ + "sys.exit(0)").stderr == "freed\n"
    assert ended(class_ + "leave(0)").stderr == ""


def test_a_thread_is_waited_for() -> None:
    code = "def work():\n    time.sleep(0.3); print('worked', file=sys.stderr)\n"
    done = ended(code + "threading.Thread(target=work).start(); leave(4)")
    assert (done.returncode, done.stderr) == (4, "worked\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="it has no /dev/full")
def test_a_full_disk_is_told_as_python_tells_it() -> None:
    with open("/dev/full", "w") as full:
        ours = ended("print('lost'); leave(0)", stdout=full)
        theirs = ended("print('lost'); sys.exit(0)", stdout=full)
    assert ours.returncode == theirs.returncode == 120
    assert "No space left on device" in ours.stderr


def test_a_closed_stdout_is_no_error() -> None:
    assert ended("sys.stdout.close(); leave(0)").returncode == 0
    assert ended("sys.stdout = None; leave(0)").returncode == 0


def test_the_index_is_one_file_again(history: History) -> None:
    place = Path(history.good.workspace.index)
    assert processes.run("runs").returncode == 0
    assert place.exists()
    assert not place.with_name("index.db-wal").exists()
