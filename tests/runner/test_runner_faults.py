"""Real runners under attack: full disks, vanished folders, storms of processes, early signals."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.local import LocalTarget
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.requirements import small_disk

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def start(run: RunDirectory) -> dict[str, Any]:
    return runs.start(LocalTarget(), run)


def start_ready(run: RunDirectory) -> dict[str, Any]:
    handle = start(run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    return handle


@pytest.fixture
def small_workspace(tmp_path: Path) -> Iterator[WorkspaceDirectory]:
    """A workspace on a file system of 2 MiB."""
    with small_disk(tmp_path / "disk", "2m") as folder:
        yield runs.workspace(folder)


FILLING = """
import json, os, time
while True:  # what its runner writes last before it watches alone: no block is given back then
    with open(os.environ['RUNYARD_RUN_DIRECTORY'] + '/environment.json') as stream:
        if 'lock' in json.load(stream):
            break
    time.sleep(0.01)
with open('filler', 'wb', buffering=0) as stream:
    try:
        while stream.write(bytes(65536)): pass
    except OSError: pass
    for size in (4096, 512, 64, 1):
        try:
            while stream.write(bytes(size)): pass
        except OSError: pass
"""


def full(run: RunDirectory) -> bool:
    left = os.statvfs(run.path)
    return os.path.exists(run.std_log) and left.f_bavail == 0


def test_a_full_disk_does_not_change_how_the_run_ended(small_workspace: WorkspaceDirectory) -> None:
    """Its events fill their block: the end can only be written when there is room again."""
    script = FILLING + "raise SystemExit(7)"
    run = runs.make_run(small_workspace, script)
    Path(run.runner_log).write_bytes(b" " * 4096)  # nor can the runner say anything in its log
    Path(run.events).write_text(json.dumps({"t": 0, "status": "NotStarted"}).ljust(4000) + "\n")
    start(run)
    runs.wait_for(lambda: full(run))
    time.sleep(2)  # it tries again and again to write the end
    assert not events.read_state(run).status.ended
    assert processes.of_run(run.path) != []
    os.unlink(os.path.join(run.work, "filler"))
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 7)


def test_a_script_that_fails_on_a_full_disk_is_told_so(
    small_workspace: WorkspaceDirectory,
) -> None:
    """Its traceback had no room in the log."""
    run = runs.make_run(small_workspace, FILLING + "print('lost' * 9999, flush=True)")
    start(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 1)
    assert state.detail["hint"] == (
        f"The disk of the run is full ({run.path}): what the script wrote last, in its log as "
        "well, may be missing. Make room (runyard gc shows what nothing needs), and submit the "
        "run again."
    )


def test_a_run_that_has_filled_the_disk_can_be_cancelled(
    small_workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(small_workspace, FILLING + "time.sleep(600)", grace_period_s=0.2)
    start(run)
    runs.wait_for(lambda: full(run))
    events.request(run, "cancel")
    runs.wait_for(lambda: len(processes.of_run(run.path)) <= 1)  # the script is gone
    os.unlink(os.path.join(run.work, "filler"))
    assert runs.finish(run).reason is Reason.CANCELLED


def test_a_script_may_remove_its_working_directory(workspace: WorkspaceDirectory) -> None:
    script = "import os, shutil; shutil.rmtree(os.getcwd())"
    run = runs.make_run(workspace, script, {"a/b.txt": "x"})
    start(run)
    assert runs.finish(run).reason is Reason.COMPLETED


def test_a_script_that_removes_the_run_directory_still_ends_at_its_limit(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script = (
        "import os, shutil, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(open({str(told)!r}, 'w').close()))\n"
        "directory = os.environ['RUNYARD_RUN_DIRECTORY']\n"
        "while os.path.exists(directory):\n"  # the runner may write a file just then
        "    shutil.rmtree(directory, ignore_errors=True)\n"
        "time.sleep(600)"
    )
    run = runs.make_run(workspace, script, grace_period_s=20.0, max_run_duration_s=4.0)
    start(run)
    runs.wait_for(lambda: not os.path.exists(run.path))
    runs.wait_for(lambda: processes.of_run(run.path) == [])
    assert told.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"request": "dance", "t": "x"}', "\xff"])
def test_a_request_that_makes_no_sense_harms_nothing(
    workspace: WorkspaceDirectory, content: str
) -> None:
    run = runs.make_run(workspace, SLEEPER, grace_period_s=0.2)
    Path(run.requests, "noise-1-1.json").write_text(content, encoding="latin-1")
    start_ready(run)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    time.sleep(0.6)  # it looks four times a second
    assert events.read_state(run).status is Status.RUNNING
    events.request(run, "cancel")
    assert runs.finish(run).reason is Reason.CANCELLED


def test_a_run_cancelled_before_its_runner_began_does_not_start(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, "open('outputs/ran', 'w')")
    events.request(run, "cancel")
    start(run)
    assert runs.finish(run).reason is Reason.CANCELLED
    assert not os.path.exists(run.std_log)


STORM = """
import os, time
print('ready', flush=True)
beat = os.open('outputs/beat', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def storm():
    until = time.monotonic() + 15  # should the runner fail, the machine is not lost
    while time.monotonic() < until:
        os.write(beat, b'.')
        if os.fork() == 0: {leave}
        else: os._exit(0)          # only its child is left: every pid lives for a moment
    os._exit(0)
for _ in range(3):
    if os.fork() == 0: storm()
time.sleep(600)
"""


@pytest.mark.parametrize("leave", ["pass", "os.setpgid(0, 0)", "os.setsid()"])
def test_cancel_ends_processes_that_run_away(workspace: WorkspaceDirectory, leave: str) -> None:
    run = runs.make_run(workspace, STORM.format(leave=leave), grace_period_s=0.2)
    start_ready(run)
    beat = Path(run.outputs, "beat")
    runs.wait_for(lambda: beat.exists() and beat.stat().st_size > 10)  # there are some
    events.request(run, "cancel")
    assert runs.finish(run).reason is Reason.CANCELLED
    beats = beat.stat().st_size  # a look at /proc may miss one
    time.sleep(0.5)
    assert beat.stat().st_size == beats


def test_a_stopped_script_is_woken_to_end_itself(workspace: WorkspaceDirectory) -> None:
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print('ready', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
        "import time; time.sleep(600)\n"
    )
    run = runs.make_run(workspace, script, grace_period_s=20.0)
    start_ready(run)
    events.request(run, "cancel")
    state = runs.finish(run)
    assert state.reason is Reason.CANCELLED
    assert "killed_processes" not in state.detail


NESTED = """
import os, subprocess, sys
sys.path[:0] = os.environ['TEST_PATH'].split(os.pathsep)
from runyard.computes.local import LocalTarget
from runyard.record.layout import RunDirectory
from runyard.testing import runs
inner = RunDirectory(os.environ['INNER'])
runs.start(LocalTarget(), inner)
runs.wait_for(lambda: 'ready' in runs.log_of(inner))
"""


WAITING = """
import os, time
print('ready', flush=True)
while not os.path.exists('go'):
    time.sleep(0.01)
print('end')
"""


def test_the_end_of_a_run_leaves_the_runs_it_has_submitted_alone(
    workspace: WorkspaceDirectory,
) -> None:
    """Also those of their processes that have cleared their environment."""
    script = (
        "import subprocess, sys\n"
        f"code = {WAITING!r}\n"
        "sys.exit(subprocess.call([sys.executable, '-c', code], env={}))"
    )
    inner = runs.make_run(workspace, script)
    variables = {"INNER": inner.path, "TEST_PATH": os.pathsep.join(sys.path)}
    outer = runs.make_run(workspace, NESTED, environment_variables=variables)
    start(outer)
    assert runs.finish(outer).reason is Reason.COMPLETED
    assert not events.read_state(inner).status.ended
    Path(inner.work, "go").touch()
    assert runs.finish(inner).reason is Reason.COMPLETED
    assert "end" in runs.log_of(inner)


def test_reap_finds_what_cleared_its_environment_and_under_another_path(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    script = (
        "import subprocess, sys, time\n"
        "code = 'import time; time.sleep(600)'\n"
        "subprocess.Popen([sys.executable, '-c', code], env={}, start_new_session=True)\n"
    ) + SLEEPER
    run = runs.make_run(workspace, script)
    handle = start_ready(run)
    os.kill(handle["pid"], signal.SIGKILL)
    runs.wait_for(lambda: len(processes.of_run(run.path)) == 3)  # the witness is one
    (tmp_path / "link").symlink_to(workspace.path)
    LocalTarget().reap(WorkspaceDirectory(str(tmp_path / "link")).run("exp", run.id))
    runs.wait_for(lambda: processes.of_run(run.path) == [])
