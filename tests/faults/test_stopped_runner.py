"""A runner that is stopped (SIGSTOP, a debugger, a frozen container) and goes on later.

It lives and holds its lock, so nobody else may say anything about its run: the run is shown as it
was last, and what is asked of it is carried out when the runner goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from runyard import Workspace
from runyard.computes import processes
from runyard.history.run import Run
from runyard.record import events, owner
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.cli import processes as processes_of_commands
from tests.faults import laws, submitting

SCRIPT = """
import os, sys, time
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print("done", flush=True)
sys.exit(5)
"""


@pytest.fixture
def place(tmp_path: Path) -> WorkspaceDirectory:
    return submitting.workspace(tmp_path / "ws")


def begun(place: WorkspaceDirectory, folder: Path, **changes: Any) -> Run:
    """A run that waits for the file ``go``, and ends with code 5 then."""
    source = submitting.source(folder / "source", SCRIPT)
    run = submitting.submit(place, source, str(folder / "go"), **changes)
    runs.wait_for(lambda: "ready" in runs.log_of(run.directory))
    runs.wait_for(lambda: events.read_state(run.directory).status is Status.RUNNING)
    return run


@contextmanager
def stopped(run: Run) -> Iterator[int]:
    """Its runner is stopped; its pid."""
    pid = int(owner.signature(run.directory.lock)["pid"])
    os.kill(pid, signal.SIGSTOP)
    runs.wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1] == "T")
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def status(run: Run) -> str:
    """As somebody sees it who opens the workspace now."""
    return str(Workspace.at(run.directory.workspace).get_run(run.id).get_status())


def reason_then(run: Run) -> Reason | None:
    laws.settle(run.directory.workspace)
    laws.hold(run.directory.workspace, [run.id])
    return events.read_state(run.directory).reason


def test_its_run_is_running_and_nobody_ends_it(place: WorkspaceDirectory, tmp_path: Path) -> None:
    run = begun(place, tmp_path)
    with stopped(run):
        assert status(run) == "Running"
        assert processes.of_run(run.directory.path) != []
    (tmp_path / "go").touch()
    assert reason_then(run) is Reason.SCRIPT_EXIT_CODE


def test_how_its_script_ended_meanwhile_is_told_when_it_goes_on(
    place: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(place, tmp_path)
    with stopped(run) as runner:
        (tmp_path / "go").touch()
        runs.wait_for(lambda: "done" in runs.log_of(run.directory))
        runs.wait_for(lambda: laws.processes(place) == [(runner, run.directory.path)])
        assert status(run) == "Running"
    assert reason_then(run) is Reason.SCRIPT_EXIT_CODE
    assert events.read_state(run.directory).detail["exit_code"] == 5


def test_a_cancel_is_carried_out_when_it_goes_on(place: WorkspaceDirectory, tmp_path: Path) -> None:
    run = begun(place, tmp_path)
    with stopped(run):
        run.cancel()
        assert status(run) == "CancelRequested"
        assert "done" not in runs.log_of(run.directory)
    assert reason_then(run) is Reason.CANCELLED


def test_a_limit_that_was_reached_meanwhile_ends_it_when_it_goes_on(
    place: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(place, tmp_path, max_run_duration_seconds=5)
    with stopped(run):
        time.sleep(5.2)  # the limit is one of real time
        assert status(run) == "Running"
    begin = time.monotonic()
    assert reason_then(run) is Reason.TIME_LIMIT
    assert time.monotonic() - begin < 30


def test_one_that_is_killed_while_it_is_stopped_is_gone(
    place: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(place, tmp_path)
    with stopped(run) as pid:
        events.request(run.directory, "cancel")
        os.kill(pid, signal.SIGKILL)
        runs.wait_for(lambda: not owner.is_held(run.directory.lock))
        assert reason_then(run) is Reason.CANCELLED
    assert run.get_status() == "Canceled"


def test_commands_say_that_it_is_stopped_and_how_it_goes_on(
    place: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(place, tmp_path)
    folder = os.path.dirname(place.path)
    with stopped(run) as pid:
        shown = processes_of_commands.run("show", run.id, cwd=folder).stdout
        line = f"runner       process {pid}, which is stopped; to go on: kill -CONT {pid}\n"
        assert line in shown
        with processes_of_commands.start("cancel", run.id, cwd=folder) as cancel:
            assert cancel.stderr is not None
            assert cancel.stderr.readline().decode() == (
                f"{run.id}: its runner, process {pid}, is stopped, and ends the run when it goes "
                f"on: kill -CONT {pid}\n"
            )
            assert cancel.poll() is None  # it waits for the end
            os.kill(pid, signal.SIGCONT)
            assert cancel.stdout is not None
            assert cancel.stdout.read().decode() == f"{run.id}: Canceled\n"
    assert "runner " not in processes_of_commands.run("show", run.id, cwd=folder).stdout
