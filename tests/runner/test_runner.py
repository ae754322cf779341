"""Real runners with real scripts: how runs start, end, and what the record says of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.local import LocalTarget
from runyard.record import events, jsonl, owner
from runyard.record.events import State
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.memory_groups import LOOKED, memory_group


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def start(run: RunDirectory, secrets: dict[str, str] | None = None) -> dict[str, Any]:
    return runs.start(LocalTarget(), run, secrets)


def run_script(
    directory: WorkspaceDirectory, text: str, **changes: Any
) -> tuple[RunDirectory, State]:
    run = runs.make_run(directory, text, **changes)
    start(run)
    return run, runs.finish(run)


def test_a_script_runs_in_a_copy_of_its_snapshot(workspace: WorkspaceDirectory) -> None:
    script = "import sys, os; print(sys.argv[1:], os.getcwd(), open('data/x.txt').read())"
    run = runs.make_run(workspace, script, {"data/x.txt": "hello"}, arguments=["--lr", "0.1"])
    start(run)
    state = runs.finish(run)
    assert state.reason is Reason.COMPLETED
    assert runs.log_of(run) == f"['--lr', '0.1'] {run.work} hello\n"
    statuses = [event["status"] for event in state.events]
    assert statuses == ["Running", "Finalizing", "Completed"]


def test_stdout_and_stderr_are_in_order(workspace: WorkspaceDirectory) -> None:
    script = "import sys\nfor i in range(50): print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    run, _ = run_script(workspace, script)
    assert runs.log_of(run).split() == [str(i) for i in range(50)]


def test_output_of_any_kind_and_size_arrives_whole(workspace: WorkspaceDirectory) -> None:
    script = "import os\nfor i in range(200): os.write(1, b'\\xff\\x00no newline' * 1024)"
    run, state = run_script(workspace, script)
    assert state.reason is Reason.COMPLETED
    assert os.path.getsize(run.std_log) == 200 * 1024 * len(b"\xff\x00no newline")


def test_nothing_of_the_users_is_thrown_away(workspace: WorkspaceDirectory) -> None:
    script = """
import os, shutil
shutil.rmtree('outputs'); os.makedirs('outputs')
open('outputs/model.pkl', 'w').write('m')
open('side.txt', 'w').write('mine')
open('config.yml', 'w').write('changed')
os.makedirs('logs', exist_ok=True); open('logs/a.txt', 'w').write('l')
"""
    files = {"config.yml": "as it was", "untouched.py": "x = 1", "outputs/old.txt": "from source"}
    run = runs.make_run(workspace, script, files)
    start(run)
    assert runs.finish(run).reason is Reason.COMPLETED
    left = sorted(str(p.relative_to(run.work)) for p in Path(run.work).rglob("*") if p.is_file())
    assert left == ["config.yml", "logs/a.txt", "outputs/model.pkl", "side.txt"]
    assert Path(run.outputs, "model.pkl").read_text() == "m"
    assert Path(run.logs, "a.txt").read_text() == "l"


def test_every_end_has_one_typed_reason_exception(workspace: WorkspaceDirectory) -> None:
    script = "def f():\n    raise KeyError('lr')\nf()\n"
    _, state = run_script(workspace, script)
    assert (state.status, state.reason) == (Status.FAILED, Reason.SCRIPT_EXCEPTION)
    error = state.detail["error"]
    assert (error["type"], error["message"]) == ("KeyError", "'lr'")
    assert error["location"]["line"] == 2
    assert error["location"]["function"] == "f"
    assert error["log_tail"][-1] == "KeyError: 'lr'"


@pytest.mark.parametrize(
    ("script", "reason", "detail"),
    [
        ("raise SystemExit(3)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 3}),
        ("raise SystemExit(0)", Reason.COMPLETED, {"exit_code": 0}),
        (
            "import os; os.kill(os.getpid(), 11)",
            Reason.SIGNAL,
            {"exit_code": 139, "signal": "SIGSEGV"},
        ),
        ("import os; os.kill(os.getpid(), 9)", Reason.SIGNAL, {"signal": "SIGKILL"}),
        ("raise MemoryError()", Reason.OUT_OF_MEMORY, {"exit_code": 1}),
    ],
)
def test_every_end_has_one_typed_reason(
    workspace: WorkspaceDirectory, script: str, reason: Reason, detail: dict[str, object]
) -> None:
    _, state = run_script(workspace, script)
    assert state.reason is reason
    assert state.status is reason.status
    assert detail.items() <= state.detail.items()


def test_a_script_that_says_it_failed_has_failed(workspace: WorkspaceDirectory) -> None:
    script = "from runyard import Run\nRun.get_context().fail('accuracy too low')\n"
    _, state = run_script(workspace, script)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXCEPTION, 0)
    assert state.detail["error"]["message"] == "accuracy too low"


def test_out_of_memory_is_told_from_a_plain_sigkill(workspace: WorkspaceDirectory) -> None:
    with memory_group(64) as entrance:
        script = f"""
import os
{LOOKED}
open({entrance!r}, 'w').write(str(os.getpid()))
until_the_runner_has_looked()
hog = []
while True: hog.append(bytearray(1 << 20))
"""
        _, state = run_script(workspace, script)
    assert state.reason is Reason.OUT_OF_MEMORY
    assert state.detail["error"]["message"] == "the kernel killed the script because memory ran out"


ESCAPING = """
import os, subprocess, sys, time
code = "import os,signal,time; os.setsid(); signal.signal(15, signal.SIG_IGN); time.sleep(600)"
if os.fork() == 0:                                    # orphaned, own session, deaf to TERM
    os.setsid()
    subprocess.Popen([sys.executable, '-c', code])
    os._exit(0)
print('ready', flush=True)
time.sleep(600)
"""


def test_cancel_ends_the_whole_tree_also_what_left_the_group(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, ESCAPING, grace_period_s=0.5)
    start(run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    runs.wait_for(lambda: len(processes.of_run(run.path)) >= 3)  # runner, script, the escaped
    events.request(run, "cancel")
    assert events.read_state(run).status is Status.CANCEL_REQUESTED
    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.CANCELED, Reason.CANCELLED)
    assert processes.of_run(run.path) == []


def test_a_script_may_end_well_when_asked_to(workspace: WorkspaceDirectory) -> None:
    script = """
import signal, sys, time
def stop(*_): open('outputs/checkpoint', 'w').write('saved'); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('ready', flush=True)
time.sleep(600)
"""
    run = runs.make_run(workspace, script, grace_period_s=20.0)
    start(run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    events.request(run, "cancel")
    assert runs.finish(run).reason is Reason.CANCELLED
    assert Path(run.outputs, "checkpoint").read_text() == "saved"


def test_the_time_limit_ends_the_whole_tree(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, ESCAPING, grace_period_s=0.2, max_run_duration_s=0.5)
    start(run)
    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.TIME_LIMIT)
    assert processes.of_run(run.path) == []


def test_processes_that_outlive_the_script_end_with_it(workspace: WorkspaceDirectory) -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    run, state = run_script(workspace, script)
    assert state.reason is Reason.COMPLETED
    assert processes.of_run(run.path) == []


def test_a_run_outlives_the_submitting_process_and_its_terminal(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, "import time; time.sleep(0.5); print('still here')")
    code = (
        "import sys; from runyard.testing import runs; "
        "from runyard.computes.local import LocalTarget; "
        "from runyard.record.layout import RunDirectory; "
        "runs.start(LocalTarget(), RunDirectory(sys.argv[1]))"
    )
    submitter = subprocess.Popen([sys.executable, "-c", code, run.path], start_new_session=True)
    assert submitter.wait() == 0
    with contextlib.suppress(ProcessLookupError):  # the runner has a session of its own
        os.killpg(submitter.pid, signal.SIGHUP)
    assert runs.finish(run).reason is Reason.COMPLETED
    assert runs.log_of(run) == "still here\n"


def test_only_the_runner_ends_a_run(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, "import time; time.sleep(600)", grace_period_s=0.1)
    start(run)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    assert owner.take(run.lock) is None
    events.request(run, "cancel")
    runs.finish(run)
    taken = owner.take(run.lock)
    assert taken is not None
    taken.release()


def test_the_script_does_not_inherit_the_lock(workspace: WorkspaceDirectory) -> None:
    script = (
        "import os; print([os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd')])"
    )
    run, _ = run_script(workspace, script)
    assert "runner.lock" not in runs.log_of(run)


def test_a_killed_runner_leaves_no_lock_and_reap_ends_its_script(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, ESCAPING)
    handle = start(run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    os.kill(handle["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.lock))
    target = LocalTarget()
    assert [state.name for state in target.poll([handle])] == ["GONE"]
    target.reap(run)
    runs.wait_for(lambda: processes.of_run(run.path) == [])


def test_sigterm_to_the_runner_is_a_preemption(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, "import time; time.sleep(600)", grace_period_s=0.2)
    handle = start(run)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    os.kill(handle["pid"], signal.SIGTERM)
    assert runs.finish(run).reason is Reason.PREEMPTED


def test_a_program_that_cannot_start_is_a_failed_launch(workspace: WorkspaceDirectory) -> None:
    _, state = run_script(workspace, "", command=["/no/such/program"], script=None)
    assert state.reason is Reason.LAUNCH_FAILED
    assert "/no/such/program" in state.detail["error"]["message"]


def test_commands_run_by_argv_or_by_the_shell(workspace: WorkspaceDirectory) -> None:
    argv = ["printf", "%s|", "a b", "$RUNYARD_RUN_ID"]
    run, _ = run_script(workspace, "", command=argv, script=None)
    assert runs.log_of(run) == f"a b|{run.id}|"
    run, _ = run_script(workspace, "", command="echo $RUNYARD_RUN_ID | cat", script=None)
    assert runs.log_of(run) == f"{run.id}\n"


def test_written_before_said_the_end_is_whole(workspace: WorkspaceDirectory) -> None:
    run, state = run_script(workspace, "print(1)")
    assert jsonl.read(run.events) == state.events
    assert Path(run.events).read_bytes().endswith(b"\n")


def test_a_supervised_run_needs_little_memory(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, "import time; time.sleep(600)", grace_period_s=0.1)
    handle = start(run)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    time.sleep(0.3)  # it looks once, and is as large as it will be
    status = Path(f"/proc/{handle['pid']}/status").read_text()
    resident_kb = int(status.partition("VmRSS:")[2].split()[0])
    events.request(run, "cancel")
    runs.finish(run)
    assert resident_kb < 20_000
