"""Runners killed by SIGKILL: another one goes on with the run, and its end is the true one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import adoption, processes, runner_process
from runyard.computes.local import LocalTarget
from runyard.history.reconcile import reconcile_run
from runyard.record import adoptions, events, jsonl, owner, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs

READY = "import os, signal, sys, time; print('ready', flush=True)\n"
SLEEPER = READY + "time.sleep(600)"
GATED = READY + "while not os.path.exists('go'): time.sleep(0.01)\n"


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def start_ready(run: RunDirectory) -> int:
    """Start a run; its runner's pid when the script has begun."""
    handle = runs.start(LocalTarget(), run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    runs.wait_for(lambda: script.read(run).pid is not None)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)
    return int(handle["pid"])


def kill_runner(run: RunDirectory) -> None:
    """SIGKILL whoever holds the lock, the adopted run's runner too."""
    os.kill(owner.signature(run.lock)["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.lock))


def go(run: RunDirectory) -> None:
    Path(run.work, "go").touch()


def has_run_for(run: RunDirectory, seconds: float) -> None:
    """Let the record of its script say that it was started so much earlier."""
    path = Path(script.path_of(run))
    first, *others = path.read_text().splitlines(keepends=True)
    line = json.loads(first)
    assert line["up"] > seconds, "the machine was just started"
    text = json.dumps({**line, "up": line["up"] - seconds}) + "\n"
    path.write_text("".join([text, *others]))  # the same file: its witness has it open


@pytest.fixture
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks waits for the end of a script that has ended, also on a busy machine."""
    monkeypatch.setattr("runyard.history.reconcile._SEE_ENDS_S", 30.0)


def test_an_adopted_run_ended_when_its_script_did(workspace: WorkspaceDirectory) -> None:
    """However long nobody has looked: its duration is not that."""
    run = runs.make_run(workspace, GATED)
    start_ready(run)
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: script.read(run).code is not None)
    ended = script.read(run).ended
    assert ended is not None
    time.sleep(3)  # more than the end of a run takes
    looked = time.monotonic()
    reconcile_run(run)
    times = [event["t"] for event in runs.finish(run).events]
    took_s = time.monotonic() - looked
    assert times == sorted(times)
    assert ended <= times[-2] <= times[-1] <= ended + took_s


def statuses(run: RunDirectory) -> list[str]:
    return [event["status"] for event in events.read_state(run).events]


@pytest.mark.parametrize(
    ("end", "reason", "detail"),
    [
        ("", Reason.COMPLETED, {"exit_code": 0}),
        ("sys.exit(5)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 5}),
        ("sys.exit(137)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 137}),
        ("os.kill(os.getpid(), 9)", Reason.SIGNAL, {"exit_code": 137, "signal": "SIGKILL"}),
        ("sys.exit(130)", Reason.SCRIPT_EXIT_CODE, {"exit_code": 130}),
        ("os.kill(os.getpid(), 2)", Reason.SCRIPT_EXCEPTION, None),
        ("raise ValueError('bad')", Reason.SCRIPT_EXCEPTION, {"exit_code": 1}),
    ],
)
@pytest.mark.parametrize("ended_before", [False, True])
@pytest.mark.usefixtures("seen_at_once")
def test_the_end_of_an_adopted_run_is_that_of_its_script(
    workspace: WorkspaceDirectory,
    end: str,
    reason: Reason,
    detail: dict[str, Any] | None,
    ended_before: bool,
) -> None:
    """Whether the script ends before another runner comes, or after it."""
    if detail is None:
        end = "signal.signal(2, signal.SIG_DFL); " + end
        reason, detail = Reason.SIGNAL, {"exit_code": 130, "signal": "SIGINT"}
    run = runs.make_run(workspace, GATED + end)
    start_ready(run)
    kill_runner(run)
    if ended_before:
        go(run)
        runs.wait_for(lambda: script.read(run).code is not None)
        reconcile_run(run)
        assert events.read_state(run).status.ended  # who looks sees it at once
    else:
        reconcile_run(run)
        assert owner.is_held(run.lock)
        assert events.read_state(run).status is Status.RUNNING
        go(run)
    state = runs.finish(run)
    assert state.reason is reason
    assert {name: state.detail.get(name) for name in detail} == detail
    assert state.detail["adopted"] == 1
    assert statuses(run) == ["Running", "Finalizing", state.status.value]
    assert processes.of_run(run.path) == []
    assert "goes on with the run (number 1)" in Path(run.runner_log).read_text()


def test_cancel_of_an_adopted_run_lets_the_script_end_itself(
    workspace: WorkspaceDirectory,
) -> None:
    """And what left its session is ended as well, though it is below no runner."""
    text = (
        "import subprocess, signal, sys, time\n"
        "def on_term(*_):\n"
        "    time.sleep(0.3); open('outputs/saved', 'w').close(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, on_term)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True, env={})\n"
    )
    run = runs.make_run(workspace, text + SLEEPER, grace_period_s=10.0)
    start_ready(run)
    kill_runner(run)
    events.request(run, "cancel")
    reconcile_run(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["adopted"]) == (Reason.CANCELLED, 1)
    assert "killed_processes" not in state.detail
    assert os.path.exists(os.path.join(run.outputs, "saved"))
    assert processes.of_run(run.path) == []


def test_what_does_not_heed_a_cancel_is_killed_and_counted(workspace: WorkspaceDirectory) -> None:
    text = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    run = runs.make_run(workspace, text + SLEEPER, grace_period_s=0.2)
    start_ready(run)
    kill_runner(run)
    reconcile_run(run)
    events.request(run, "cancel")
    state = runs.finish(run)
    assert (state.reason, state.detail["killed_processes"]) == (Reason.CANCELLED, 1)


def test_the_time_limit_counts_from_the_start_of_the_script(workspace: WorkspaceDirectory) -> None:
    begun = time.monotonic()
    run = runs.make_run(workspace, SLEEPER, max_run_duration_s=60.0, grace_period_s=0.2)
    start_ready(run)
    kill_runner(run)
    has_run_for(run, 58.0)  # the limit goes on while nobody watches
    reconcile_run(run)
    assert runs.finish(run).reason is Reason.TIME_LIMIT
    assert 2.0 < time.monotonic() - begun < 60.0


def test_a_script_that_ended_within_its_limit_has_not_reached_it(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, GATED, max_run_duration_s=60.0)
    start_ready(run)
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: script.read(run).code is not None)
    has_run_for(run, 61.0)  # the limit has passed
    reconcile_run(run)
    assert runs.finish(run).reason is Reason.COMPLETED


TOLD = """
import os, signal, sys, time
def on_term(*_):
    print('told', flush=True)
    while not os.path.exists('go'): time.sleep(0.01)
    sys.exit(4)
signal.signal(signal.SIGTERM, on_term)
"""


@pytest.mark.parametrize(
    ("limit_s", "reason"), [(None, Reason.CANCELLED), (6.0, Reason.TIME_LIMIT)]
)
def test_a_script_that_was_told_to_end_has_not_ended_by_itself(
    workspace: WorkspaceDirectory, limit_s: float | None, reason: Reason
) -> None:
    """Whatever its exit code: who had told it was killed before the end was written."""
    run = runs.make_run(workspace, TOLD + SLEEPER, grace_period_s=60.0, max_run_duration_s=limit_s)
    start_ready(run)
    if limit_s is None:
        events.request(run, "cancel")
    runs.wait_for(lambda: "told" in runs.log_of(run))
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: script.read(run).code == 4)
    reconcile_run(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["adopted"]) == (reason, 1)


def test_a_cancel_after_the_script_has_ended_by_itself_does_not_undo_that(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, GATED + "sys.exit(5)")
    start_ready(run)
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: script.read(run).code == 5)
    events.request(run, "cancel")
    reconcile_run(run)
    assert runs.finish(run).reason is Reason.SCRIPT_EXIT_CODE


def test_a_run_is_gone_on_with_though_that_cannot_be_recorded(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: the script must not run on when its run has an end."""
    run = runs.make_run(workspace, GATED)
    start_ready(run)
    kill_runner(run)
    os.symlink("nowhere/at-all", adoptions.path_of(run))  # which no writer goes through
    reconcile_run(run)
    assert owner.is_held(run.lock)
    runs.wait_for(lambda: "was not recorded" in Path(run.runner_log).read_text())
    assert events.read_state(run).status is Status.RUNNING
    go(run)
    assert runs.finish(run).reason is Reason.COMPLETED


def test_a_runner_that_cannot_go_on_leaves_nothing_running(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, SLEEPER)
    start_ready(run)
    kill_runner(run)
    with open(script.path_of(run), "rb+") as stream:  # as if of containers, which are not there
        lines = stream.read().replace(b'"space"', b'"container":true,"space"', 1)
        stream.seek(0)
        stream.write(lines + b'{"processes":[]}\n')
    reconcile_run(run)
    state = runs.finish(run)
    assert state.reason is Reason.RUNNER_LOST
    assert "container.json" in state.detail["error"]["message"]
    assert processes.of_run(run.path) == []


def test_runners_killed_again_and_again(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, GATED)
    start_ready(run)
    for count in range(1, 4):
        kill_runner(run)
        reconcile_run(run)
        runs.wait_for(lambda count=count: adoptions.count(run) == count)
        runs.wait_for(lambda: len(jsonl.read(run.lock)) == 1)
        runs.wait_for(lambda: owner.is_alive(owner.signature(run.lock)))
    go(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["adopted"]) == (Reason.COMPLETED, 3)
    assert statuses(run) == ["Running", "Finalizing", "Completed"]


def test_a_run_that_loses_all_its_runners_ends(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.make_run(workspace, SLEEPER)
    start_ready(run)
    kill_runner(run)
    with open(adoptions.path_of(run), "w") as stream:
        stream.write('{"pid": 1}\n' * adoptions.MOST)
    reconcile_run(run)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"].endswith(
        "10 runners that went on with this run were killed as well: what was left of it was ended."
    )
    assert processes.of_run(run.path) == []


def test_without_its_witness_the_script_goes_on_and_its_code_is_lost(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, GATED + "open('outputs/done', 'w').close()")
    runner, witness = start_ready(run), script.read(run).witness["pid"]
    for pid in (runner, witness):
        os.kill(pid, signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.lock) and owner.start_ticks(witness) is None)
    reconcile_run(run)
    assert owner.is_held(run.lock)
    go(run)
    state = runs.finish(run)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"] == (
        "The runner of this run was killed, and so was the process that was to note the exit "
        "code of the script: how it ended is not known."
    )
    assert os.path.exists(os.path.join(run.outputs, "done"))  # nobody has cut it off


def test_of_a_run_that_was_killed_whole_nobody_can_know_how_it_ended(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, SLEEPER)
    runner = start_ready(run)
    found = script.read(run)
    for pid in (runner, found.witness["pid"], found.pid):
        os.kill(int(pid or 0), signal.SIGKILL)
    # Each is gone a while after it was killed; while the script is there, it would be taken over.
    runs.wait_for(lambda: not owner.is_held(run.lock) and not adoption.runs(run, found))
    reconcile_run(run)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST
    assert state.detail["error"]["message"].endswith(
        "The exit code of the script was not recorded: its witness was killed as well."
    )


def test_a_script_that_ends_while_somebody_looks_has_its_true_end(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No code was there at the first look, and no process at the second."""
    run = runs.make_run(workspace, GATED + "sys.exit(5)")
    start_ready(run)
    kill_runner(run)
    still_runs = adoption.runs

    def ends_before(run: RunDirectory, found: script.Script) -> bool:
        go(run)
        runs.wait_for(lambda: not still_runs(run, found))
        return still_runs(run, found)

    monkeypatch.setattr(adoption, "runs", ends_before)
    reconcile_run(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 5)


def test_many_readers_at_once_start_one_runner(workspace: WorkspaceDirectory) -> None:
    run = runs.make_run(workspace, GATED)
    start_ready(run)
    kill_runner(run)
    code = (
        "import sys\n"
        "from runyard.history.reconcile import reconcile_run\n"
        "from runyard.record.layout import RunDirectory\n"
        "print('here', flush=True); sys.stdin.readline()\n"
        "for _ in range(5): reconcile_run(RunDirectory(sys.argv[1]))\n"
    )
    argv = [sys.executable, "-c", code, run.path]
    readers = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"here\n"
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write(b"\n")
        reader.stdin.flush()
    for reader in readers:
        reader.communicate()
        assert reader.returncode == 0
    go(run)
    assert runs.finish(run).reason is Reason.COMPLETED
    assert adoptions.count(run) == 1


def test_a_process_that_a_folder_from_elsewhere_names_is_left_alone(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    """Its record may name any process of this machine as the witness of a script."""
    run = runs.make_run(workspace, SLEEPER)
    start_ready(run)
    found = script.read(run)
    kill_runner(run)
    for pid in (found.witness["pid"], found.pid):
        os.kill(int(pid or 0), signal.SIGKILL)
    code = "import subprocess; subprocess.run(['sleep', '600'])"
    with subprocess.Popen([sys.executable, "-c", code]) as other:
        runs.wait_for(lambda: processes.descendants(other.pid) != [])
        (child,) = processes.descendants(other.pid)
        forged = {**owner.identity(other.pid), "t": 1.0, "space": script.space()}
        line = {"t": 1.0, "script": other.pid, "started": owner.start_ticks(other.pid)}
        with open(script.path_of(run), "wb") as stream:
            stream.write(jsonl.encode(forged) + jsonl.encode(line))
        reconcile_run(run)
        state = runs.finish(run)
        assert state.reason is Reason.RUNNER_LOST
        assert other.poll() is None
        assert owner.start_ticks(child) is not None
        os.kill(child, signal.SIGKILL)
        other.kill()


def test_somebody_elses_run_is_left_to_its_user(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.make_run(workspace, GATED)
    start_ready(run)
    kill_runner(run)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4711)
        assert not reconcile_run(run)
    assert not owner.is_held(run.lock)
    assert events.read_state(run).status is Status.RUNNING
    reconcile_run(run)
    go(run)
    assert runs.finish(run).reason is Reason.COMPLETED


@pytest.mark.parametrize("kind", ["of an old Linux", "of a Python built on one"])
def test_without_pidfds(
    workspace: WorkspaceDirectory, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first runner, its witness and the one that goes on; Pythons of conda have no pidfds."""
    without = (
        "del os.pidfd_open"
        if "Python" in kind
        else "def opened(*_): raise OSError(38, 'not implemented')\nos.pidfd_open = opened"
    )
    runner = tmp_path / "runner.py"
    runner.write_text(
        f"import os, sys\n{without}\n"
        f"sys.path.insert(0, {str(Path(runner_process.RUNNER).parents[2])!r})\n"
        "from runyard.runner.main import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    monkeypatch.setattr(runner_process, "RUNNER", str(runner))
    run = runs.make_run(workspace, GATED + "sys.exit(5)")
    start_ready(run)
    kill_runner(run)
    reconcile_run(run)
    runs.wait_for(lambda: adoptions.count(run) == 1)
    go(run)
    state = runs.finish(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 5)


def test_a_command_shows_the_true_end(tmp_path: Path) -> None:
    """``runyard show`` after the runner was killed and the script has ended."""
    (tmp_path / "train.py").write_text(GATED + "sys.exit(3)")
    runyard = [sys.executable, "-m", "runyard"]
    argv = [*runyard, "submit", "--user-managed", "train.py"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = tmp_path.glob(".runyard/runs/*/*/run.json")
    run = RunDirectory(str(found.parent))
    runs.wait_for(lambda: script.read(run).pid is not None and "ready" in runs.log_of(run))
    kill_runner(run)
    go(run)
    runs.wait_for(lambda: script.read(run).code is not None)
    patient = (
        "from runyard.history import reconcile; reconcile._SEE_ENDS_S = 30.0\n"
        "from runyard.cli import main; main()"
    )
    argv = [sys.executable, "-c", patient, "show", run.id]
    shown = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Failed (script_exit_code 3)" in shown.stdout


LOOKS = """
import json, os, sys
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines())
print(json.dumps({
    'leads': [os.getpid() == os.getpgrp(), os.getpid() == os.getsid(0)],
    'open': sorted(int(name) for name in os.listdir('/proc/self/fd'))[:-1],
    'input': os.readlink('/proc/self/fd/0'),
    'same': os.path.sameopenfile(1, 2),
    'blocked': int(status['SigBlk'], 16),
    'ignored': int(status['SigIgn'], 16) & (1 << 31) - 1,  # 32 and 33 are of glibc itself
    'function': os.environ.get('BASH_FUNC_module%%'),
    'here': os.getcwd() == os.path.realpath(os.environ['RUNYARD_RUN_DIRECTORY'] + '/work'),
}))
"""


def test_to_the_script_its_witness_makes_no_difference(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Session, group, files, signals and variables are as if the runner had started it."""
    monkeypatch.setenv("BASH_FUNC_module%%", "() { eval; }")
    run = runs.make_run(workspace, LOOKS)
    runs.start(LocalTarget(), run)
    assert runs.finish(run).reason is Reason.COMPLETED
    found = json.loads(runs.log_of(run))
    # Python itself ignores SIGPIPE and SIGXFSZ; of its runner the script has that of SIGHUP.
    own = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert found == {
        "leads": [True, True],
        "open": [0, 1, 2],
        "input": "/dev/null",
        "same": True,
        "blocked": 0,
        "ignored": own | 1 << (signal.SIGHUP - 1),
        "function": "() { eval; }",
        "here": True,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("os.killpg(0, signal.SIGKILL)", Reason.SIGNAL),
        ("os.killpg(0, signal.SIGINT)", Reason.SIGNAL),
        ("os.kill(os.getppid(), signal.SIGTERM)", Reason.COMPLETED),
        ("os.kill(os.getppid(), signal.SIGINT)", Reason.COMPLETED),
    ],
)
def test_signals_that_a_script_sends_around_itself(
    workspace: WorkspaceDirectory, text: str, reason: Reason
) -> None:
    run = runs.make_run(workspace, f"import os, signal\n{text}\n")
    runs.start(LocalTarget(), run)
    state = runs.finish(run)
    assert (state.reason, "adopted" in state.detail) == (reason, False)
