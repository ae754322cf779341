"""A pool keeps the promises of a compute target, and the laws of its own."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from runyard.computes import pool_private, registry
from runyard.computes.pool import Pool
from runyard.computes.protocol import ComputeTarget
from runyard.errors import ComputeTargetException
from runyard.history.targets import QueuePlace, TargetState
from runyard.record import computes, events, jsonl, owner
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import ComputeTargetConformance, runs
from tests.computes import pools
from tests.holding import holding


class TestPool(ComputeTargetConformance):
    @pytest.fixture
    def target(self, workspace: WorkspaceDirectory) -> ComputeTarget:
        return pools.make(workspace, max_nodes=2)


def test_at_most_max_nodes_run_and_the_others_wait_in_order(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace, max_nodes=2)
    some = [pools.submit(pool, pools.until(go)) for _ in range(5)]
    for run in some[:2]:
        pools.begun(run)
    assert [pools.status(run) for run in some[2:]] == [Status.QUEUED] * 3
    assert events.read_state(some[2]).detail == {"target": "pool"}
    assert pool.places(some) == [
        None,
        None,
        QueuePlace("pool", 1, 3),
        QueuePlace("pool", 2, 3),
        QueuePlace("pool", 3, 3),
    ]
    assert str(QueuePlace("pool", 1, 3)) == "position 1 of 3 in the queue of pool"
    assert pool.poll([{"run": run.path} for run in some]) == [TargetState.ALIVE] * 5
    go.touch()
    assert [runs.finish(run).reason for run in some] == [Reason.COMPLETED] * 5
    began = pools.starts(*some)
    assert max(began[:2]) < began[2] <= began[3] <= began[4]


def test_dedicated_runs_start_before_lowpriority_ones(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    cheap = pools.submit(pool, vm_priority="lowpriority")
    dear = pools.submit(pool, vm_priority="dedicated")
    plain = pools.submit(pool)
    go.touch()
    for run in (first, cheap, dear, plain):
        runs.finish(run)
    began = pools.starts(first, dear, plain, cheap)
    assert began == sorted(began)


def test_a_run_of_several_nodes_takes_them_all_and_is_not_overtaken(
    workspace: WorkspaceDirectory, tmp_path: Path, go: Path
) -> None:
    pool = pools.make(workspace, max_nodes=2)
    small = pools.submit(pool, pools.until(go))
    large = pools.submit(pool, pools.until(tmp_path / "large"), node_count=2)
    later = pools.submit(pool)
    pools.begun(small)
    pool.kick()
    assert [pools.status(run) for run in (large, later)] == [Status.QUEUED] * 2
    go.touch()
    runs.finish(small)
    pools.begun(large)
    pool.kick()
    assert pools.status(later) is Status.QUEUED
    (tmp_path / "large").touch()
    runs.finish(large)
    assert runs.finish(later).reason is Reason.COMPLETED


def test_a_run_larger_than_the_pool_has_become_holds_nobody_up(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace, max_nodes=2)
    first = pools.submit(pool, pools.until(go))
    large = pools.submit(pool, node_count=2)
    registry.update(workspace, "pool", {"max_nodes": 1})
    small = pools.submit(pool)
    go.touch()
    runs.finish(first)
    runs.finish(small)
    assert pools.status(large) is Status.QUEUED
    registry.update(workspace, "pool", {"max_nodes": 2})
    assert runs.finish(large).reason is Reason.COMPLETED


def test_a_smaller_pool_lets_run_what_runs_and_a_larger_one_starts_what_waits(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace, max_nodes=2)
    some = [pools.submit(pool, pools.until(go)) for _ in range(4)]
    registry.update(workspace, "pool", {"max_nodes": 1})
    for run in some[:2]:
        pools.begun(run)
    registry.update(workspace, "pool", {"max_nodes": 3})
    pools.begun(some[2])
    assert pools.status(some[3]) is Status.QUEUED
    go.touch()
    for run in some:
        assert runs.finish(run).reason is Reason.COMPLETED


def test_cancelling_a_run_that_waits_ends_it_at_once(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool, secret_variables=["API_TOKEN"])
    third = pools.submit(pool)
    handle = {"run": second.path}
    pool.cancel(handle)
    state = events.read_state(second)
    assert (state.reason, state.started) == (Reason.CANCELLED, None)
    assert not owner.is_held(second.lock)
    pool.cancel(handle)
    assert pool.places([third]) == [QueuePlace("pool", 1, 1)]
    go.touch()
    runs.finish(first)
    assert runs.finish(third).reason is Reason.COMPLETED
    assert not Path(second.std_log).exists()


def test_cancelling_who_is_first_in_line_lets_those_behind_it_go(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace, max_nodes=2)
    first = pools.submit(pool, pools.until(go))
    large = pools.submit(pool, node_count=2)
    small = pools.submit(pool)
    pool.cancel({"run": large.path})
    assert runs.finish(small).reason is Reason.COMPLETED
    go.touch()
    runs.finish(first)


def test_the_time_limit_of_a_run_counts_from_its_start(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool, max_run_duration_s=600.0)
    # It waits for an hour.
    record, (queued,) = jsonl.read_json(second.run_json), jsonl.read(second.events)
    jsonl.write_once(second.run_json, {**record, "created": record["created"] - 3600})
    Path(second.events).write_bytes(jsonl.encode({**queued, "t": queued["t"] - 3600}))
    go.touch()
    runs.finish(first)
    assert runs.finish(second).reason is Reason.COMPLETED


def test_a_run_that_waits_gets_the_variables_of_its_submitter(
    workspace: WorkspaceDirectory, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pools.make(workspace)
    monkeypatch.setenv("OF_WHOM", "the first")
    first = pools.submit(pool, pools.until(go))
    monkeypatch.setenv("OF_WHOM", "the second")
    text = "import os; print(os.environ['OF_WHOM'], os.environ['API_TOKEN'])"
    second = runs.make_run(workspace, text, target="pool", secret_variables=["API_TOKEN"])
    runs.start(pool, second, {"API_TOKEN": "tell-nobody"})
    monkeypatch.setenv("OF_WHOM", "nobody")
    assert holding(b"tell-nobody", workspace.path, os.environ["XDG_STATE_HOME"]) == []
    go.touch()
    runs.finish(first)
    runs.finish(second)
    assert runs.log_of(second) == "the second tell-nobody\n"


def test_what_is_kept_in_memory_is_for_this_user_alone(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool)
    (name,) = os.listdir(pool.folder.queue)
    memory = Path(pool_private._in_memory(pool.folder.path))
    state = Path(pool_private._on_disk(pool.folder.path))
    for place in (memory, memory.parent, state, state.parent):
        assert place.stat().st_mode & 0o777 == 0o700
    for file in (memory / name, state / name):
        assert file.stat().st_mode & 0o777 == 0o600
    assert "variables" not in (state / name).read_text()
    go.touch()
    runs.finish(first)
    runs.finish(second)
    runs.wait_for(lambda: not memory.exists() and not state.exists())


def test_pools_whose_folders_have_one_number_leave_each_other_their_runs(
    workspace: WorkspaceDirectory, go: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As folders on two file systems may have."""
    monkeypatch.setattr(pool_private, "_key", lambda _: f"shared-{os.getpid()}")
    pool, other = pools.make(workspace), pools.make(runs.workspace(tmp_path / "other"))
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool)
    (name,) = os.listdir(pool.folder.queue)
    runs.finish(pools.submit(other))
    assert pool_private.recall(other.folder.path, name) is None
    assert pool_private.recall(pool.folder.path, name) is not None
    go.touch()
    runs.finish(first)
    pool.kick()
    assert runs.finish(second).reason is Reason.COMPLETED
    pool_private.sweep(pool.folder.path, ())
    assert pool_private.known(pool.folder.path) == set()


def test_without_memory_for_it_no_run_waits(
    workspace: WorkspaceDirectory, go: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    monkeypatch.setattr(pool_private, "MEMORY", str(tmp_path / "nowhere"))
    with pytest.raises(ComputeTargetException) as caught:
        pools.submit(pool)
    assert caught.value.message == (
        "the environment of a run that waits is kept in memory, and that cannot be done: No such "
        f"file or directory ({tmp_path}/nowhere/runyard-{os.getuid()}); check who may write there, "
        "or submit when a node of the target is free"
    )
    assert os.listdir(pool.folder.queue) == []
    go.touch()
    runs.finish(first)


def test_a_folder_of_somebody_else_is_not_trusted_with_secrets(
    workspace: WorkspaceDirectory, go: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    open_to_all = tmp_path / f"runyard-{os.getuid()}"
    open_to_all.mkdir(mode=0o755)
    monkeypatch.setattr(pool_private, "MEMORY", str(tmp_path))
    with pytest.raises(ComputeTargetException, match="it is not a folder of this user alone"):
        pools.submit(pool)
    go.touch()
    runs.finish(first)


def test_a_process_that_keeps_the_lock_is_not_waited_for_for_ever(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pools.make(workspace)
    with pool.folder.locked():
        with pytest.raises(ComputeTargetException) as caught, pool.folder.locked(0.05):
            raise AssertionError("there are two of them")
        pool.kick(0.05)
    assert caught.value.message == (
        "compute target 'pool' is busy: another process keeps its lock. See which one: fuser -v "
        f"{workspace.path}/computes/pool/lock"
    )


def test_more_nodes_than_there_are_is_a_problem(workspace: WorkspaceDirectory) -> None:
    pool = pools.make(workspace, max_nodes=2)
    problem = pool.check(SimpleNamespace(**runs.spec(node_count=3)))[0]
    assert problem.parameter == "node_count"
    assert problem.message == (
        "3 nodes: 'pool' has at most 2; raise it: runyard compute update pool --max-nodes 3"
    )


SAVES = """
import os, signal, time
def told(*_):
    while not os.path.exists({!r}): time.sleep(0.01)
    os._exit(0)
signal.signal(signal.SIGTERM, told)
print("begun", flush=True)
time.sleep(600)
"""
"""It ends when it was told to, and there is a file."""


def test_deleting_ends_the_runs_and_then_the_pool(workspace: WorkspaceDirectory, go: Path) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, SAVES.format(str(go)), grace_period_s=60.0)
    second = pools.submit(pool)
    pools.begun(first)
    assert registry.delete(workspace, "pool") == 2
    assert events.read_state(second).reason is Reason.CANCELLED
    record = computes.read(workspace, "pool")
    assert record is not None
    problem = Pool(workspace, record).check(SimpleNamespace(**runs.spec()))[0]
    assert problem.message == ("'pool' is being deleted and takes no more runs; give another one")
    with pytest.raises(ComputeTargetException, match="'pool' is being deleted and takes no more"):
        pools.submit(pool)
    go.touch()
    assert runs.finish(first).reason is Reason.CANCELLED
    runs.wait_for(lambda: os.listdir(workspace.computes) == [])
    with pytest.raises(ComputeTargetException, match="'pool' was deleted; create it again"):
        pools.submit(pool)
    assert os.listdir(workspace.computes) == []


def test_a_run_sent_home_with_the_machine_starts_nobody_else(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go), grace_period_s=0.2)
    second = pools.submit(pool)
    pools.begun(first)
    os.kill(owner.signature(first.lock)["pid"], 15)
    assert runs.finish(first).reason is Reason.PREEMPTED
    assert pools.status(second) is Status.QUEUED
    assert pool.poll([{"run": second.path}]) == [TargetState.ALIVE]  # who looks starts it
    assert runs.finish(second).reason is Reason.COMPLETED


def test_runs_of_other_machines_are_left_to_them(workspace: WorkspaceDirectory, go: Path) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool)
    (name,) = os.listdir(pool.folder.queue)
    ticket = Path(pool.folder.queue) / name
    here = ticket.read_text()
    ticket.write_text(here.replace(os.uname().nodename, "elsewhere"))
    go.touch()
    runs.finish(first)
    third = pools.submit(pool)
    assert runs.finish(third).reason is Reason.COMPLETED
    assert pools.status(second) is Status.QUEUED
    with pool.folder.locked():  # its runner, whose node is free, may be looking at the queue
        ticket.write_text(here)
    pool.kick()
    assert runs.finish(second).reason is Reason.COMPLETED
