"""A log of two gigabytes: whoever prints, follows or judges it keeps a little of it at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.history.run import Run
from runyard.history.workspace import Workspace
from runyard.record import owner
from runyard.testing import runs
from runyard.widgets.run_view import RunView
from tests.faults import submitting
from tests.load import commands
from tests.load.sizes import forget_peak, peak_mb, size

MEGABYTES = size(64, 2048)
LINE = b"%015d of a long log that nobody reads from its begin to its end\n"
SCRIPT = f"""
import os, sys, time
line = {LINE!r}
written = number = 0
while written < {MEGABYTES} << 20:
    lines = b"".join(line % n for n in range(number, number + 10_000))
    number += 10_000
    written += len(lines)
    os.write(1, lines)
while not os.path.exists("../../../../go"):
    time.sleep(0.05)
raise ValueError("at the end of a long log")
"""
MORE_MB = 15
"""What a process may have more for a log of any length: a megabyte in some copies, and room."""
BARE_MB = 30
"""What the command and the client have without any log, at most."""


@pytest.fixture(scope="session")
def run(new_folder: Callable[[], Path]) -> Run:
    folder = new_folder()
    place = submitting.workspace(folder)
    run = submitting.submit(place, submitting.source(folder / "code", SCRIPT))
    log = Path(run.directory.std_log)
    runs.wait_for(lambda: log.exists() and log.stat().st_size >= MEGABYTES << 20, 300)
    runner_mb = peak_mb(owner.signature(run.directory.lock)["pid"])
    print(f"\nrunner: {runner_mb:.0f} MB", end="")
    assert runner_mb < BARE_MB
    shown = commands.python(folder, FOLLOW, run.id)
    print(f"\n{MEGABYTES} MB followed: {shown.seconds:.1f} s, {shown.peak_mb:.0f} MB", end="")
    assert (shown.code, shown.size > log.stat().st_size) == (0, True)
    assert shown.peak_mb < BARE_MB + MORE_MB
    return run


FOLLOW = """
import threading
from pathlib import Path
from runyard import Workspace
run = Workspace.from_config().get_run(sys.argv[1])
threading.Timer(1.0, Path(run.directory.path, "../../../go").resolve().touch).start()
run.wait_for_completion(show_output=True, raise_on_error=False)
"""


def test_the_runner_has_judged_it_and_stayed_small(run: Run) -> None:
    error = run.get_details()["error"]["error"]
    assert (error["type"], error["reason"]) == ("ValueError", "script_exception")
    assert "at the end of a long log" in error["message"]


@pytest.mark.parametrize("options", [(), ("-f",), ("-n", "3"), ("-n", "3", "-f")])
def test_commands_print_it(run: Run, options: tuple[str, ...]) -> None:
    folder = Path(run.directory.workspace.path).parent
    done = commands.runyard(folder, "logs", run.id, *options)
    print(f"\nlogs {' '.join(options)}: {done.seconds:.1f} s, {done.peak_mb:.0f} MB", end="")
    log = Path(run.directory.std_log)
    with log.open("rb") as stream:
        if options[:1] == ("-n",):
            stream.seek(-4000, 2)
            expected = b"".join(stream.read().splitlines(keepends=True)[-3:])
            assert done.digest == hashlib.sha256(expected).hexdigest()
        elif not options:
            digest = hashlib.sha256()
            for chunk in iter(lambda: stream.read(commands.CHUNK_BYTES), b""):
                digest.update(chunk)
            assert done.digest == digest.hexdigest()
    assert done.peak_mb < BARE_MB + MORE_MB


def test_waiting_and_showing_a_run_reads_its_end_alone(run: Run) -> None:
    folder = Path(run.directory.workspace.path).parent
    for arguments in (("show", run.id), ("runs",), ("files", run.id)):
        done = commands.runyard(folder, *arguments)
        print(f"\n{arguments[0]}: {done.seconds:.2f} s, {done.peak_mb:.0f} MB", end="")
        assert (done.code, done.peak_mb < BARE_MB) == (0, True)
    again = Workspace.at(run.directory.workspace).get_run(run.id)
    before = forget_peak()
    with pytest.raises(Exception, match="at the end of a long log"):
        again.wait_for_completion()
    assert "at the end of a long log" in RunView(again).log()["text"]
    assert peak_mb() - before < 10
