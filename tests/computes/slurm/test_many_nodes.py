"""Runs on two nodes of a real Slurm: ranks, addresses, ports, what ends them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.computes.slurm.target import SlurmTarget
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster

PLACE = """
import json, os, sys
names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
found = {name: os.environ[name] for name in (*names, "SLURMD_NODENAME")}
print(json.dumps({**found, "told": os.environ["A_TOKEN"] == "no'" + "body \\n$HOME"}))
"""
MEETING = """
import os, socket, sys, time
rank, port = int(os.environ["RANK"]), int(os.environ["MASTER_PORT"])
if rank == 0:
    server = socket.create_server((os.environ["MASTER_ADDR"], port))
    met = sorted(server.accept()[0].recv(9).decode() for _ in range(3))
    print("met", *met)
else:
    for _ in range(1000):
        try:
            peer = socket.create_connection((os.environ["MASTER_ADDR"], port))
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    peer.sendall(f"{rank}@{os.environ['NODE_RANK']}".encode())
"""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def target(slurm: SlurmCluster, workspace: WorkspaceDirectory) -> SlurmTarget:
    return target_of(slurm, workspace)


def two_nodes(workspace: WorkspaceDirectory, text: str, **changes: Any) -> RunDirectory:
    spec = {
        "target": "hpc",
        "node_count": 2,
        "processes_per_node": 2,
        "launcher": "pytorch",
        "distribution": {"process_count": 4, "backend": "gloo"},
    }
    return runs.make_run(workspace, text, **{**spec, **changes})


def logs_of(run: RunDirectory) -> list[str]:
    return [Path(run.rank_log(rank)).read_text() for rank in range(4)]


def wait_until_ready(run: RunDirectory) -> None:
    paths = [Path(run.rank_log(rank)) for rank in range(4)]
    runs.wait_for(lambda: all(path.exists() and "ready" in path.read_text() for path in paths))


def test_every_rank_knows_its_place(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    run = two_nodes(workspace, PLACE, secret_variables=["A_TOKEN"])
    runs.start(target, run, {"A_TOKEN": "no'body \n$HOME"})
    state = runs.finish(run)
    assert state.reason is Reason.COMPLETED, (state.detail, Path(run.runner_log).read_text())
    found = [json.loads(log.splitlines()[-1]) for log in logs_of(run)]
    assert [int(one["RANK"]) for one in found] == [0, 1, 2, 3]
    assert [int(one["NODE_RANK"]) for one in found] == [0, 0, 1, 1]
    assert [int(one["LOCAL_RANK"]) for one in found] == [0, 1, 0, 1]
    assert {one["WORLD_SIZE"] for one in found} == {"4"}
    assert [one["told"] for one in found] == [True] * 4
    first, *others = [one["SLURMD_NODENAME"] for one in found]
    assert others[0] == first
    assert others[1] == others[2] != first
    assert state.detail["exit_codes"] == [0, 0, 0, 0]
    files = [path for path in Path(run.path).rglob("*") if path.is_file()]
    assert [path for path in files if b"no'body" in path.read_bytes()] == []


def test_ranks_of_two_nodes_meet(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    run = two_nodes(workspace, MEETING)
    runs.start(target, run)
    state = runs.finish(run)
    assert state.reason is Reason.COMPLETED, (state.detail, logs_of(run))
    assert logs_of(run)[0].splitlines()[-1] == "met 1@0 2@1 3@1"


def test_one_rank_that_fails_ends_the_others(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    text = "import os, time\nif os.environ['RANK'] == '2': raise ValueError('bad batch')\n"
    run = two_nodes(workspace, text + "time.sleep(600)", grace_period_s=0.5)
    runs.start(target, run)
    failing = Path(run.rank_log(2))
    runs.wait_for(lambda: failing.exists() and "bad batch" in failing.read_text(), 60)
    begun = time.monotonic()
    state = runs.finish(run, 60)
    assert time.monotonic() - begun < 30
    assert (state.reason, state.detail["error"]["rank"]) == (Reason.SCRIPT_EXCEPTION, 2)
    assert state.detail["error"]["message"] == "bad batch"
    runs.wait_for(lambda: processes.of_run(run.path) == [])


def test_cancel_ends_all_ranks(target: SlurmTarget, workspace: WorkspaceDirectory) -> None:
    text = "import time; print('ready', flush=True); time.sleep(600)"
    run = two_nodes(workspace, text, grace_period_s=0.5)
    handle = runs.start(target, run)
    wait_until_ready(run)
    target.cancel(handle)
    assert runs.finish(run).reason is Reason.CANCELLED
    runs.wait_for(lambda: processes.of_run(run.path) == [])


def test_a_script_saves_what_it_has_when_all_are_told_to_end(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    text = """
import os, signal, sys, time
def save(*_):
    open(f"outputs/saved-{os.environ['RANK']}", "w").write("whole"); sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
time.sleep(600)
"""
    run = two_nodes(workspace, text, grace_period_s=10.0)
    handle = runs.start(target, run)
    wait_until_ready(run)
    target.cancel(handle)
    assert runs.finish(run).reason is Reason.CANCELLED
    assert sorted(path.name for path in Path(run.outputs).iterdir()) == [
        f"saved-{rank}" for rank in range(4)
    ]


def test_a_rank_that_heeds_nothing_is_killed_on_its_node(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    text = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(600)"
    )
    run = two_nodes(workspace, text, grace_period_s=0.5)
    handle = runs.start(target, run)
    wait_until_ready(run)
    target.cancel(handle)
    assert runs.finish(run).reason is Reason.CANCELLED
    runs.wait_for(lambda: processes.of_run(run.path) == [], 10.0)


def test_what_a_rank_has_left_is_ended_where_slurm_does_not(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    """On the node of the runner; this cluster's does not track what has left its parents."""
    leaving = """
import os, subprocess
if os.environ["RANK"] == "0":
    subprocess.run(["setsid", "sh", "-c", "sleep 613 & echo left $!"], check=True)
"""
    run = two_nodes(workspace, leaving)
    runs.start(target, run)
    state = runs.finish(run, 60)
    assert state.reason is Reason.COMPLETED, state.detail
    pid = int(logs_of(run)[0].partition("left ")[2].split()[0])
    assert not Path(f"/proc/{pid}").exists()


def test_ranks_of_one_node_know_their_place_in_slurms_words(
    target: SlurmTarget, workspace: WorkspaceDirectory
) -> None:
    """Lightning, for one, takes its rank from there."""
    text = (
        "import os; print(*(os.environ[n] for n in "
        "('SLURM_PROCID', 'SLURM_LOCALID', 'SLURM_NTASKS', 'RANK')))"
    )
    run = two_nodes(workspace, text, node_count=1, processes_per_node=4)
    runs.start(target, run)
    assert runs.finish(run).reason is Reason.COMPLETED
    assert [log.splitlines()[-1] for log in logs_of(run)] == [f"{n} {n} 4 {n}" for n in range(4)]
