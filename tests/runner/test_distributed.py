"""Real runs of several processes: how they start, what they know, how they end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.local import LocalTarget
from runyard.launchers.plan import LaunchPlan, Process
from runyard.record import events, owner, ranks
from runyard.record.events import State
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.runner import distributed
from runyard.testing import runs
from tests.killing import runner_of
from tests.memory_groups import LOOKED, memory_group


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def gang(directory: WorkspaceDirectory, text: str, count: int = 3, **changes: Any) -> RunDirectory:
    distribution = {"process_count": count, "backend": "gloo"}
    given = {"launcher": "pytorch", "processes_per_node": count, "distribution": distribution}
    run = runs.make_run(directory, text, **{**given, **changes})
    runs.start(LocalTarget(), run)
    return run


def run_gang(
    directory: WorkspaceDirectory, text: str, count: int = 3, **changes: Any
) -> tuple[RunDirectory, State]:
    run = gang(directory, text, count, **changes)
    state = runs.finish(run)
    assert not processes.of_run(run.path)
    return run, state


def log_of(run: RunDirectory, rank: int) -> str:
    return Path(run.rank_log(rank)).read_text()


def error_of(state: State) -> dict[str, Any]:
    error: dict[str, Any] = state.detail["error"]
    return error


def wait_for_lines(run: RunDirectory, text: str, count: int = 3) -> None:
    def all_said() -> bool:
        paths = [Path(run.rank_log(rank)) for rank in range(count)]
        return all(path.exists() and text in path.read_text() for path in paths)

    runs.wait_for(all_said)


def test_each_process_knows_its_place_and_has_a_log(workspace: WorkspaceDirectory) -> None:
    script = """
import json, os, sys
names = ['MASTER_ADDR', 'MASTER_PORT', 'RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE',
         'NODE_RANK', 'RUNYARD_RANK', 'AZ_BATCH_MASTER_NODE', 'AZ_BATCHAI_MPI_MASTER_NODE']
print(json.dumps([sys.argv[1:], {name: os.environ[name] for name in names}]))
"""
    arguments = ["--rank", "$AZ_BATCHAI_TASK_INDEX", "--dist-url=$AZ_BATCHAI_PYTORCH_INIT_METHOD"]
    run, state = run_gang(workspace, script, arguments=arguments)
    assert state.reason is Reason.COMPLETED
    assert state.detail["exit_codes"] == [0, 0, 0]
    for rank in range(3):
        header, line = log_of(run, rank).splitlines()
        argv, variables = json.loads(line)
        port = variables["MASTER_PORT"]
        assert argv == ["--rank", str(rank), f"--dist-url=tcp://127.0.0.1:{port}"]
        assert variables == {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "RANK": str(rank),
            "WORLD_SIZE": "3",
            "LOCAL_RANK": str(rank),
            "LOCAL_WORLD_SIZE": "3",
            "NODE_RANK": "0",
            "RUNYARD_RANK": str(rank),
            "AZ_BATCH_MASTER_NODE": f"127.0.0.1:{port}",
            "AZ_BATCHAI_MPI_MASTER_NODE": "127.0.0.1",
        }
        assert header == (
            f"rank {rank} of 3 on {os.uname().nodename}, node 0, local rank {rank}: "
            f"MASTER_ADDR=127.0.0.1 MASTER_PORT={port} RANK={rank} WORLD_SIZE=3 "
            f"AZ_BATCH_MASTER_NODE=127.0.0.1:{port}"
        )
    assert not os.path.exists(run.std_log)


def test_no_command_has_a_secret() -> None:
    """A target may have to write them to a file; the processes get their arguments all the same."""
    plan = LaunchPlan([Process(0, ["python", "train.py", "a ${A_TOKEN} $RANK"], {"RANK": "0"}, "")])
    env = {"A_TOKEN": "it's $RANK"}
    [command] = distributed._commands(plan, env, ["A_TOKEN"])
    assert "it's" not in repr(command)
    [plain] = distributed._commands(plan, env, [])
    assert plain.argv[-1] == "a it's $RANK 0"
    found = subprocess.run(
        [*command.argv[2:4], "printf", "%s", *command.argv[6:]],
        env={**os.environ, **env, **command.env},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert found.stdout.decode() == plain.argv[-1]


def test_nodes_are_rehearsed(workspace: WorkspaceDirectory) -> None:
    script = """
import json, os, tempfile
names = ['RANK', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'NODE_RANK', 'WORLD_SIZE', 'MASTER_ADDR',
         'AZ_BATCH_HOST_LIST']
print(json.dumps([tempfile.gettempdir(), *(os.environ[name] for name in names)]))
"""
    nodes = {"node_count": 2, "processes_per_node": 2, "target": "local"}
    run, state = run_gang(workspace, script, 4, **nodes)
    assert state.reason is Reason.COMPLETED, state.detail
    folders = []
    for number, rank in enumerate(ranks.read(run)):
        header, line = log_of(run, number).splitlines()
        assert header.startswith(
            f"rank {number} of 4 on {rank.host}, node {number // 2}, local rank {number % 2}: "
        )
        folder, *found = json.loads(line)
        folders.append(folder)
        place = [str(number), str(number % 2), "2", str(number // 2)]
        assert found == [*place, "4", "127.0.0.1", "127.0.0.1,127.0.0.1"]
        assert rank.node == number // 2
    assert len(set(folders)) == 2
    assert folders[0] == folders[1]
    assert not any(map(os.path.exists, folders))


def test_what_each_process_records(workspace: WorkspaceDirectory) -> None:
    begun = time.time()
    run, _ = run_gang(workspace, "")
    for number, rank in enumerate(ranks.read(run)):
        assert (rank.number, rank.host, rank.node) == (number, os.uname().nodename, 0)
        assert (rank.code, rank.failed) == (0, None)
        assert rank.started is not None
        assert rank.ended is not None
        # Starts are noted in hundredths of a second, of what the machine's uptime cuts off.
        assert begun - 0.02 <= rank.started <= rank.ended <= time.time()


@pytest.mark.parametrize(
    ("end", "reason", "code", "message"),
    [
        ("raise ValueError('no')", Reason.SCRIPT_EXCEPTION, 1, "no"),
        ("sys.exit(7)", Reason.SCRIPT_EXIT_CODE, 7, "rank 1 ended with exit code 7"),
        ("os._exit(9)", Reason.SCRIPT_EXIT_CODE, 9, "rank 1 ended with exit code 9"),
        ("os.kill(os.getpid(), 9)", Reason.SIGNAL, 137, "rank 1 was ended by SIGKILL"),
        ("os.kill(os.getpid(), 11)", Reason.SIGNAL, 139, "rank 1 was ended by SIGSEGV"),
        # Not the script alone is killed: what it runs under as well.
        ("os.killpg(0, 9)", Reason.SIGNAL, 137, "rank 1 was ended by SIGKILL"),
    ],
)
def test_one_that_fails_ends_the_run_and_is_named(
    workspace: WorkspaceDirectory, end: str, reason: Reason, code: int, message: str
) -> None:
    script = f"""
import os, sys, time
if os.environ['RANK'] == '1':
    time.sleep(0.3)
    {end}
time.sleep(60)
"""
    begun = time.monotonic()
    _, state = run_gang(workspace, script)
    assert time.monotonic() - begun < 30
    assert state.reason is reason
    last = state.detail
    assert (last["rank"], last["exit_code"]) == (1, code)
    assert last["exit_codes"] == [143, code, 143]
    assert last["error"]["message"] == message
    assert last["error"]["rank"] == 1


def test_out_of_memory_is_told_from_a_plain_sigkill(workspace: WorkspaceDirectory) -> None:
    with memory_group(96) as entrance:
        script = f"""
import os, time
{LOOKED}
for pid in os.getppid(), os.getpid():
    open({entrance!r}, 'w').write(str(pid))
open('entered-' + os.environ['RANK'], 'w').close()
while len([name for name in os.listdir() if name.startswith('entered-')]) < 3:
    time.sleep(0.01)
until_the_runner_has_looked()
hog = []
while os.environ['RANK'] == '1': hog.append(bytearray(1 << 20))
time.sleep(60)
"""
        _, state = run_gang(workspace, script)
    assert state.reason is Reason.OUT_OF_MEMORY
    assert state.detail["exit_codes"] == [143, 137, 143]
    assert error_of(state)["message"] == "the kernel killed rank 1 because memory ran out"


def until_failed(rank: int) -> str:
    """What a script does to wait until it is recorded that another process fails."""
    return f"""
while not os.path.exists(os.environ['RUNYARD_RUN_DIRECTORY'] + '/ranks/failed/{rank}'):
    time.sleep(0.01)
"""


def test_the_first_to_fail_is_named_and_not_those_that_fail_of_it(
    workspace: WorkspaceDirectory,
) -> None:
    script = """
import os, time
if os.environ['RANK'] == '2':
    time.sleep(0.5)
    raise RuntimeError('the first')
FAILED
raise ConnectionResetError('of it')
""".replace("FAILED", until_failed(2))
    _, state = run_gang(workspace, script)
    error = error_of(state)
    assert (error["rank"], error["type"], error["message"]) == (2, "RuntimeError", "the first")
    assert error["location"]["line"] == 5
    assert "RuntimeError: the first" in error["log_tail"][-1]


def test_the_first_to_raise_is_named_though_it_takes_longest_to_end(
    workspace: WorkspaceDirectory,
) -> None:
    script = """
import atexit, os, time
if os.environ['RANK'] == '1':
    atexit.register(lambda: (time.sleep(1), print('tidied', flush=True)))
    raise RuntimeError('the first')
FAILED
os._exit(9)
""".replace("FAILED", until_failed(1))
    _, state = run_gang(workspace, script, 2)
    assert (state.reason, state.detail["exit_codes"]) == (Reason.SCRIPT_EXCEPTION, [9, 1])
    assert (state.detail["rank"], error_of(state)["message"]) == (1, "the first")


def test_one_that_raises_does_not_wait_for_its_threads_for_ever(
    workspace: WorkspaceDirectory,
) -> None:
    script = """
import os, threading, time
if os.environ['RANK'] == '1':
    threading.Thread(target=time.sleep, args=(60,)).start()
    raise RuntimeError('no')
time.sleep(60)
"""
    begun = time.monotonic()
    _, state = run_gang(workspace, script)
    assert time.monotonic() - begun < 30
    assert (state.detail["rank"], error_of(state)["message"]) == (1, "no")


def test_one_that_ends_well_early_is_not_waited_upon(workspace: WorkspaceDirectory) -> None:
    script = "import os, time; time.sleep(int(os.environ['RANK']) * 0.4); print('done')"
    run, state = run_gang(workspace, script)
    assert state.reason is Reason.COMPLETED
    assert all("done" in log_of(run, rank) for rank in range(3))


def test_cancel_gives_every_process_the_time_to_save(workspace: WorkspaceDirectory) -> None:
    script = """
import os, signal, sys, time
def save(*_):
    print('told', flush=True); time.sleep(0.5); print('saved', flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
time.sleep(60)
"""
    run = gang(workspace, script, grace_period_s=20.0)
    wait_for_lines(run, "ready")
    events.request(run, "cancel")
    state = runs.finish(run)
    assert state.reason is Reason.CANCELLED
    assert state.detail["exit_codes"] == [0, 0, 0]
    for rank in range(3):  # told once, and not again in the middle of it
        assert log_of(run, rank).splitlines()[1:] == ["ready", "told", "saved"]


def test_who_does_not_hear_the_end_is_killed(workspace: WorkspaceDirectory) -> None:
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(60)
"""
    run = gang(workspace, script, grace_period_s=0.5)
    wait_for_lines(run, "ready")
    events.request(run, "cancel")
    state = runs.finish(run)
    assert state.reason is Reason.CANCELLED
    assert state.detail["exit_codes"] == [137, 137, 137]
    assert state.detail["killed_processes"] == 6
    assert not processes.of_run(run.path)


def test_the_time_limit_ends_all(workspace: WorkspaceDirectory) -> None:
    script = "import time; time.sleep(60)"
    _, state = run_gang(workspace, script, max_run_duration_s=0.5, grace_period_s=20.0)
    assert state.reason is Reason.TIME_LIMIT
    assert state.detail["exit_codes"] == [143, 143, 143]


def test_a_process_that_was_left_behind_is_ended(workspace: WorkspaceDirectory) -> None:
    script = """
import os, subprocess, sys
if os.environ['RANK'] == '1':
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)
"""
    run, state = run_gang(workspace, script)
    assert state.reason is Reason.COMPLETED
    assert not processes.of_run(run.path)


def test_what_one_process_says_of_the_run_counts(workspace: WorkspaceDirectory) -> None:
    """No process ends the run by its word, and a failure that one has told is one of the run."""
    script = """
import os, time
from azureml.core import Run
run = Run.get_context()
if os.environ['RANK'] == '1':
    run.fail('accuracy too low')
if os.environ['RANK'] == '2':
    run.complete()
time.sleep(0.5)
print('done')
"""
    run, state = run_gang(workspace, script)
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert error_of(state)["message"] == "accuracy too low"
    assert all("done" in log_of(run, rank) for rank in range(3))


def test_a_runner_that_is_killed_leaves_nothing_behind(workspace: WorkspaceDirectory) -> None:
    run = gang(workspace, "import time; print('ready', flush=True); time.sleep(60)")
    wait_for_lines(run, "ready")
    runner = runner_of(run)
    assert len(processes.of_run(run.path)) >= 7  # three times rank.sh and the script, the runner
    os.kill(runner, signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(run.lock))
    LocalTarget().reap(run)
    assert not processes.of_run(run.path)


def test_a_runner_that_is_told_to_end_ends_all(workspace: WorkspaceDirectory) -> None:
    run = gang(workspace, "import time; print('ready', flush=True); time.sleep(60)")
    wait_for_lines(run, "ready")
    os.kill(runner_of(run), signal.SIGTERM)
    assert runs.finish(run).reason is Reason.PREEMPTED
    assert not processes.of_run(run.path)


def test_many_processes_on_few_cores(workspace: WorkspaceDirectory) -> None:
    run = gang(workspace, "", 200, command=["sleep", "1"])
    state = runs.finish(run, timeout_s=120)
    assert state.reason is Reason.COMPLETED
    assert state.detail["exit_codes"] == [0] * 200
    assert len(ranks.read(run)) == 200


def test_a_program_that_is_not_there(workspace: WorkspaceDirectory) -> None:
    run, state = run_gang(workspace, "", command=["no-such-program", "1"])
    assert state.reason is Reason.LAUNCH_FAILED
    assert error_of(state)["message"] == (
        "there is no program 'no-such-program' on the PATH of the run: install it on this "
        "machine, or use an environment or an image that has it"
    )
    assert not ranks.read(run)


def test_processes_that_cannot_be_started(workspace: WorkspaceDirectory) -> None:
    distribution = {"process_count": 2, "backend": "gloo"}
    given: dict[str, Any] = {"launcher": "pytorch", "processes_per_node": 2}
    run = runs.make_run(workspace, "", distribution=distribution, **given)
    os.makedirs(run.rank_log(1))  # no file can be there
    runs.start(LocalTarget(), run)
    state = runs.finish(run)
    assert state.reason is Reason.LAUNCH_FAILED
    assert error_of(state)["message"].startswith("rank 1 was not started: exit code ")
    assert "std_log_process_1.txt" in error_of(state)["log_tail"][-1]


def test_a_run_that_a_process_submits_is_none_of_the_gang(workspace: WorkspaceDirectory) -> None:
    """Its own variables do not make another run's script one of its ranks."""
    os.environ.update(RUNYARD_RANK="3", RUNYARD_WORLD_SIZE="4")
    try:
        script = "import os; print([n for n in os.environ if n.startswith('RUNYARD_RANK')])"
        run = runs.make_run(workspace, script)
        runs.start(LocalTarget(), run)
        runs.finish(run)
    finally:
        del os.environ["RUNYARD_RANK"], os.environ["RUNYARD_WORLD_SIZE"]
    assert runs.log_of(run) == "[]\n"


def run_workers(
    directory: WorkspaceDirectory, text: str, workers: int, servers: int
) -> tuple[RunDirectory, State]:
    total = workers + servers
    distribution = {"process_count": total, "parameter_servers": servers}
    given = {"launcher": "tensorflow", "distribution": distribution, "arguments": [str(servers)]}
    return run_gang(directory, text, total, **given)


SERVING = """
import os, sys, time
print(os.environ['AZ_BATCHAI_JOB_NAME'], flush=True)
if os.environ['AZ_BATCHAI_JOB_NAME'] == 'ps':
    open('serves-' + os.environ['RUNYARD_RANK'], 'w').close()
    time.sleep(60)
while len([name for name in os.listdir() if name.startswith('serves-')]) < int(sys.argv[1]):
    time.sleep(0.01)
"""


def test_parameter_servers_are_ended_when_the_workers_are_done(
    workspace: WorkspaceDirectory,
) -> None:
    run, state = run_workers(workspace, SERVING, 2, 2)
    assert state.reason is Reason.COMPLETED
    assert state.detail == {"exit_code": 0, "exit_codes": [0, 0, 143, 143]}
    assert [log_of(run, rank).split()[-1] for rank in range(4)] == ["worker", "worker", "ps", "ps"]


def test_parameter_servers_that_do_not_hear_it_are_killed(workspace: WorkspaceDirectory) -> None:
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    _, state = run_workers(workspace, ignoring + SERVING, 1, 1)
    assert state.reason is Reason.COMPLETED
    assert state.detail["exit_codes"] == [0, 137]


def test_a_parameter_server_that_fails_ends_the_run(workspace: WorkspaceDirectory) -> None:
    script = """
import os, time
assert os.environ['AZ_BATCHAI_JOB_NAME'] == 'worker'
time.sleep(60)
"""
    _, state = run_workers(workspace, script, 2, 1)
    assert state.reason is Reason.SCRIPT_EXCEPTION
    assert (state.detail["rank"], state.detail["exit_codes"]) == (2, [143, 143, 1])


def run_parallel(
    directory: WorkspaceDirectory, text: str, codes: list[int]
) -> tuple[RunDirectory, State]:
    distribution = {"process_count": 2, "max_retries": 2, "terminal_exit_codes": codes}
    return run_gang(directory, text, 2, launcher="parallel", distribution=distribution)


TWICE_FAILING = """
import os, sys
place = 'tries-' + os.environ['AZ_BATCHAI_TASK_INDEX']
open(place, 'a').write('x')
sys.exit(0 if len(open(place).read()) > 2 else 3)
"""


def test_parallel_tasks_are_tried_again(workspace: WorkspaceDirectory) -> None:
    run, state = run_parallel(workspace, TWICE_FAILING, [])
    assert state.reason is Reason.COMPLETED
    assert "rank 1 ended with exit code 3: started again (2 of 2)" in log_of(run, 1)


def test_parallel_tasks_are_not_tried_again_after_a_terminal_code(
    workspace: WorkspaceDirectory,
) -> None:
    _, state = run_parallel(workspace, TWICE_FAILING, [3])
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 3)
