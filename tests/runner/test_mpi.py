"""Real MPI: three runtimes, one node and two that are rehearsed, and every way to end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes, rehearsed_channel
from runyard.computes.local import LocalTarget
from runyard.record import events
from runyard.record.events import State
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.killing import runner_of
from tests.memory_groups import LOOKED, memory_group
from tests.mpi_environments import RUNTIMES, environment

# One after the other: what one has in /dev/shm would be what another has left there.
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("mpi")]

NODES = (1, 2)
PATIENCE_S = 8.0
"""From the failure of one rank to the end of all; seen are 0.2 to 1 s, and it is no wait for the
grace period, which is longer."""

HEAD = """
import os, sys, time
from mpi4py import MPI
world = MPI.COMM_WORLD
world.barrier()
print('together at', time.time(), flush=True)
"""
REST = "\nworld.barrier()\ntime.sleep(60)\n"
SHARES = "open(f'memory-{world.rank}', 'w').write(open('/proc/self/maps').read())\n"
"""Writes down which files in memory a rank shares with others."""

ENDS: dict[str, tuple[str, Reason, int]] = {
    "raise": ("raise ValueError('bad batch')", Reason.SCRIPT_EXCEPTION, 1),
    "exit": ("sys.exit(3)", Reason.SCRIPT_EXIT_CODE, 3),
    "text": ("sys.exit('no data')", Reason.SCRIPT_EXIT_CODE, 1),
    "_exit": ("os._exit(4)", Reason.SCRIPT_EXIT_CODE, 4),
    "kill": ("os.kill(os.getpid(), 9)", Reason.SIGNAL, 137),
    "segfault": ("import ctypes; ctypes.string_at(0)", Reason.SIGNAL, 139),
    "import": ("import no_such_module", Reason.SCRIPT_EXCEPTION, 1),
    "abort": ("world.Abort(5)", Reason.SCRIPT_EXIT_CODE, 5),
    "memory": ("raise MemoryError", Reason.OUT_OF_MEMORY, 1),
}


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def start(
    directory: WorkspaceDirectory,
    runtime: str,
    text: str,
    *,
    nodes: int = 1,
    each: int = 2,
    **changes: Any,
) -> RunDirectory:
    given: dict[str, Any] = {
        "launcher": "mpi",
        "node_count": nodes,
        "processes_per_node": each,
        "distribution": {"process_count": nodes * each, "runtime": runtime, "mpiexec": ""},
        "environment": environment(runtime),
        "grace_period_s": 40.0,
    }
    run = runs.make_run(directory, text, **{**given, **changes})
    runs.start(LocalTarget(), run)
    return run


def finish(run: RunDirectory) -> State:
    state = runs.finish(run, timeout_s=90)
    assert not processes.of_run(run.path)
    assert not os.path.exists(rehearsed_channel.scratch_of(run))
    return state


def logs(run: RunDirectory, count: int) -> list[str]:
    return [Path(run.rank_log(rank)).read_text() for rank in range(count)]


def together_at(run: RunDirectory) -> float:
    words = Path(run.rank_log(1)).read_text().split("together at ")
    return float(words[1].split()[0])


def wait_for_lines(run: RunDirectory, text: str, count: int) -> None:
    def said() -> bool:
        paths = [Path(run.rank_log(rank)) for rank in range(count)]
        return all(path.exists() and text in path.read_text() for path in paths)

    runs.wait_for(said, timeout_s=60)


KNOWS = """
import json, os, socket, sys
from mpi4py import MPI
world = MPI.COMM_WORLD
node = world.Split_type(MPI.COMM_TYPE_SHARED)
names = ['RANK', 'SIZE', 'LOCAL_RANK', 'LOCAL_SIZE']
print(json.dumps({
    'sum': world.allreduce(world.rank), 'rank': world.rank, 'size': world.size,
    'ompi': [int(os.environ['OMPI_COMM_WORLD_' + name]) for name in names],
    'node': os.environ['RUNYARD_NODE_INDEX'], 'on_node': node.size,
    'host': socket.gethostname(), 'tmp': os.environ.get('TMPDIR'), 'uid': os.getuid(),
    'argv': sys.argv[1:], 'given': os.environ['GIVEN'],
    'master': os.environ['AZ_BATCH_MASTER_NODE'] == '%s:%s' % (
        os.environ['MASTER_ADDR'], os.environ['MASTER_PORT']),
}))
"""


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_rank_knows_its_place(workspace: WorkspaceDirectory, runtime: str, nodes: int) -> None:
    run = start(
        workspace,
        runtime,
        KNOWS,
        nodes=nodes,
        arguments=["--rank=$OMPI_COMM_WORLD_RANK", "a b", "$NOBODY"],
        environment_variables={"GIVEN": "to all"},
    )
    state = finish(run)
    size = 2 * nodes
    assert state.reason is Reason.COMPLETED, logs(run, size)
    assert state.detail["exit_codes"] == [0] * size
    said = [json.loads(log.splitlines()[-1]) for log in logs(run, size)]
    for rank, found in enumerate(said):
        assert (found["rank"], found["size"], found["sum"]) == (rank, size, sum(range(size)))
        assert found["ompi"] == [rank, size, rank % 2, 2]
        assert found["node"] == str(rank // 2)
        assert found["argv"] == [f"--rank={rank}", "a b", "$NOBODY"]
        assert (found["given"], found["uid"], found["master"]) == ("to all", os.getuid(), True)
        assert "suspicious MPI execution" not in logs(run, size)[rank]
    if nodes == 2:
        assert len({found["tmp"] for found in said}) == 2
        if rehearsed_channel.way_of_names() != "none":
            assert [found["host"] for found in said] == ["node-0"] * 2 + ["node-1"] * 2
            assert {found["on_node"] for found in said} == {2}


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("how", sorted(ENDS))
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_rank_s_end_ends_the_run(
    workspace: WorkspaceDirectory, runtime: str, how: str, nodes: int
) -> None:
    statement, reason, code = ENDS[how]
    text = f"{HEAD}{SHARES}if world.rank == 1:\n    {statement}\n{REST}"
    run = start(workspace, runtime, text, nodes=nodes, each=2 // nodes)
    state = finish(run)
    assert (state.reason, state.detail["rank"]) == (reason, 1), logs(run, 2)
    assert (state.ended or 0) - together_at(run) < PATIENCE_S
    assert state.detail["exit_code"] == code
    assert None not in state.detail["exit_codes"]
    assert state.detail["exit_codes"][0] != 0
    if how in ("raise", "import"):
        assert state.detail["error"]["location"]["line"] == 9
        assert "mpi_rank" not in logs(run, 2)[1]

    assert segments_of(run) or nodes == 2  # these share none where they know of two hosts
    assert not [path for path in segments_of(run) if os.path.exists(path)]


def segments_of(run: RunDirectory) -> set[str]:
    """The shared memory of its ranks."""
    texts = [path.read_text() for path in Path(run.work).glob("memory-*")]
    return {path for text in texts for path in re.findall("/dev/shm/[^ \n]+", text)}


HOG = """
import glob
if world.rank == 0:
    for path in glob.glob('/proc/[0-9]*/environ'):
        try:
            if os.environ['RUNYARD_RUN_DIRECTORY'] in open(path).read():
                open(GROUP, 'w').write(path.split('/')[2])
        except OSError:
            continue
until_the_runner_has_looked()
world.barrier()
hog = []
while world.rank == 1:
    hog.append(bytearray(1 << 20))
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_kernel_kills_a_rank_for_memory(workspace: WorkspaceDirectory, runtime: str) -> None:
    with memory_group(512) as entrance:
        hog = LOOKED + HOG.replace("GROUP", repr(entrance))
        state = finish(start(workspace, runtime, HEAD + hog + REST))
    assert (state.reason, state.detail["rank"]) == (Reason.OUT_OF_MEMORY, 1)
    assert state.detail["exit_code"] == 137


KILL = """
import glob
for path in glob.glob('/proc/[0-9]*'):
    try:
        name = open(path + '/comm').read().strip()
        ours = os.environ['RUNYARD_RUN_DIRECTORY'] in open(path + '/environ').read()
    except OSError:
        continue
    if ours and name in NAMES:
        os.kill(int(path[6:]), 9)
"""
STARTERS = ("mpiexec", "mpiexec.hydra", "prterun")
DAEMONS = ("hydra_pmi_proxy", "prted")


@pytest.mark.parametrize("killed", ["starter", "daemon"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_started_the_ranks_is_killed(
    workspace: WorkspaceDirectory, runtime: str, killed: str
) -> None:
    names = STARTERS if killed == "starter" else DAEMONS
    body = "\n    ".join(KILL.replace("NAMES", repr(names)).splitlines())
    run = start(
        workspace, runtime, f"{HEAD}if world.rank == 1:\n    {body}\n{REST}", nodes=2, each=1
    )
    state = finish(run)
    assert state.reason is Reason.NODE_LOST, (state.detail, logs(run, 2))
    assert (state.ended or 0) - together_at(run) < PATIENCE_S
    message = state.detail["error"]["message"]
    assert message.startswith("what had started the ranks ended ")
    assert message.endswith(", and none of them had failed")


SAVES = """
import signal
def save(*_):
    print('told', flush=True)
    time.sleep(1.5)
    print('saved', flush=True)
    os._exit(7)
signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("why", ["cancel", "time_limit"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_rank_has_the_grace_period(
    workspace: WorkspaceDirectory, runtime: str, why: str, nodes: int
) -> None:
    limit_s = 10.0 if why == "time_limit" else None
    run = start(
        workspace, runtime, HEAD + SAVES, nodes=nodes, each=2 // nodes, max_run_duration_s=limit_s
    )
    wait_for_lines(run, "ready", 2)
    if why == "cancel":
        events.request(run, "cancel")
    state = finish(run)
    assert state.reason is (Reason.CANCELLED if why == "cancel" else Reason.TIME_LIMIT)
    assert state.detail["exit_codes"] == [7, 7]
    for log in logs(run, 2):
        assert log.splitlines()[-2:] == ["told", "saved"]
        assert log.count("told") == 1


LOOKS_FOR = {"UCX_MEM_MMAP_HOOK_MODE": "bistro", "OMPI_MCA_btl": "self,sm,tcp"}


@pytest.mark.parametrize("given", [{}, LOOKS_FOR])
@pytest.mark.parametrize("runtime", ["mpich", "openmpi"])
def test_no_rank_waits_for_devices_that_are_not_here(
    workspace: WorkspaceDirectory, runtime: str, given: dict[str, str]
) -> None:
    """It takes 40 ms, and a second with Open MPI; whoever wants it says so."""
    variables = {"UCX_MEM_LOG_LEVEL": "info", **given}
    text = f"{HEAD}print({', '.join(f'os.environ.get({name!r})' for name in LOOKS_FOR)})\n"
    run = start(workspace, runtime, text, environment_variables=variables)
    assert finish(run).reason is Reason.COMPLETED
    has_none = not os.path.exists("/sys/class/infiniband")
    mode = given.get("UCX_MEM_MMAP_HOOK_MODE", "none" if has_none else None)
    parts = given.get("OMPI_MCA_btl", "^ofi" if has_none and runtime == "openmpi" else None)
    for log in logs(run, 2):
        assert log.splitlines()[-1] == f"{mode} {parts}"
        assert ("mmap installed events" in log) == (mode != "none"), log


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_rank_that_is_done_early_is_no_failure(
    workspace: WorkspaceDirectory, runtime: str
) -> None:
    """Its MPI_Finalize waits for the others."""
    run = start(workspace, runtime, HEAD + "if world.rank == 0:\n    time.sleep(1)\n")
    state = finish(run)
    assert (state.reason, state.detail["exit_codes"]) == (Reason.COMPLETED, [0, 0])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_sixteen_ranks_share_the_processors(workspace: WorkspaceDirectory, runtime: str) -> None:
    text = HEAD + "for _ in range(20):\n    total = world.allreduce(1)\nprint('total', total)\n"
    run = start(workspace, runtime, text, each=16)
    assert finish(run).reason is Reason.COMPLETED
    assert all(log.endswith("total 16\n") for log in logs(run, 16))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_program_that_is_no_python(workspace: WorkspaceDirectory, runtime: str) -> None:
    command = ["sh", "-c", 'echo "$0 of $OMPI_COMM_WORLD_SIZE"', "$OMPI_COMM_WORLD_RANK"]
    run = start(workspace, runtime, "", script=None, command=command)
    assert finish(run).reason is Reason.COMPLETED
    assert [log.splitlines()[-1] for log in logs(run, 2)] == ["0 of 2", "1 of 2"]


def test_the_starter_that_is_not_there(workspace: WorkspaceDirectory) -> None:
    distribution = {"process_count": 2, "runtime": "mpich", "mpiexec": "/nowhere/mpiexec"}
    run = start(workspace, "mpich", "", distribution=distribution)
    state = runs.finish(run)
    assert state.reason is Reason.LAUNCH_FAILED
    assert "there is no program '/nowhere/mpiexec'" in state.detail["error"]["message"]


def test_what_the_starter_says_is_kept(workspace: WorkspaceDirectory, tmp_path: Path) -> None:
    program = tmp_path / "mpiexec"
    program.write_text("#!/bin/sh\necho 'no license for that' >&2\nexit 9\n")
    program.chmod(0o755)
    distribution = {"process_count": 2, "runtime": "mpich", "mpiexec": str(program)}
    run = start(workspace, "mpich", "", distribution=distribution)
    state = runs.finish(run)
    assert state.reason is Reason.LAUNCH_FAILED
    error = state.detail["error"]
    assert error["message"] == "no process was started: their starter ended with 9"
    assert error["log_tail"] == ["no license for that"]
    assert Path(run.join("system_logs", "mpi.txt")).read_text() == "no license for that\n"


def test_secrets_are_on_no_command_line(workspace: WorkspaceDirectory) -> None:
    text = HEAD + "print('ready', os.environ['MY_SECRET'], flush=True)\ntime.sleep(30)\n"
    run = runs.make_run(
        workspace,
        text,
        launcher="mpi",
        node_count=2,
        processes_per_node=1,
        distribution={"process_count": 2, "runtime": "openmpi", "mpiexec": ""},
        environment=environment("openmpi"),
        secret_variables=["MY_SECRET"],
    )
    runs.start(LocalTarget(), run, secrets={"MY_SECRET": "hush-hush"})
    wait_for_lines(run, "ready hush-hush", 2)
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
    events.request(run, "cancel")
    assert b"hush-hush" not in lines
    assert b"prterun" in lines or b"mpiexec" in lines
    finish(run)


def test_a_lost_run_leaves_nothing(workspace: WorkspaceDirectory) -> None:
    run = start(workspace, "mpich", HEAD + "time.sleep(60)\n", nodes=2, each=1)
    wait_for_lines(run, "together", 2)
    os.kill(runner_of(run), signal.SIGKILL)
    time.sleep(0.2)  # what mpiexec does about it is over
    LocalTarget().reap(run)
    assert not processes.of_run(run.path)
    assert not os.path.exists(rehearsed_channel.scratch_of(run))
