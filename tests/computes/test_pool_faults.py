"""Processes of a pool that are killed at any step: no run lies, none starts twice, none is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import pool_private, pool_queue, pool_starting, processes, registry
from runyard.computes.pool import Pool
from runyard.history.reconcile import HANDLE, reconcile
from runyard.job.interactive import user_name
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests import killing
from tests.computes import pools

HALF_WRITTEN = shutil.ignore_patterns("*.tmp")
"""What a runner that goes on gives another name at any moment."""

COUNTED = "import os; open({!r}, 'ab').write(b'x'); print('ran')"

DYING = """
import os, sys
from runyard.computes import pool, pool_private, pool_nodes, pool_queue, pool_starting
from runyard.computes import runner_process
from runyard.history.targets import load_target
from runyard.record import events, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.testing import runs

workspace, run_path, step, when = sys.argv[1:]
place, _, name = step.rpartition(".")
holder = eval(place)
real = getattr(holder, name)

def dying(*args, **kwargs):
    if when == "after":
        real(*args, **kwargs)
    os.kill(os.getpid(), 9)

target = load_target("pool", WorkspaceDirectory(workspace))
if run_path:
    run = RunDirectory(run_path)
    ownership = owner.take(run.lock)
    owner.sign(ownership, owner.identity())
    setattr(holder, name, dying)
    target.submit(run, ownership, {"API_TOKEN": "tell-nobody"})
else:
    setattr(holder, name, dying)
    target.kick()
raise SystemExit("it was not killed")
"""

QUEUED_STEPS = [
    "pool_private.keep",
    "owner.sign",
    "pool_queue.add",
    "events.EventLog.status",
    "owner.Ownership.release",
    "pool_starting.start_what_fits",
    "pool_queue.persist",
]
NOT_YET_SAID = [("pool_queue.add", "after"), ("events.EventLog.status", "before")]
DIRECT_STEPS = ["pool_nodes.Nodes.occupy", "runner_process.start"]
STARTING_STEPS = [
    "pool_starting.take",
    "pool_private.recall",
    "pool_nodes.Nodes.occupy",
    "runner_process.start",
    "pool_queue.remove",
    "pool_private.forget",
    "pool_private.sweep",
]


@pytest.fixture
def count(tmp_path: Path) -> Path:
    """One byte for each time that the script of ``COUNTED`` was started."""
    return tmp_path / "count"


def killed(workspace: WorkspaceDirectory, run: RunDirectory | None, step: str, when: str) -> None:
    """A process that submits (or, without a run, looks) and is killed at a step."""
    argv = [sys.executable, "-c", DYING, workspace.path, run.path if run else "", step, when]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


def look(pool: Pool, *some: RunDirectory) -> None:
    """What opening the workspace does, until all of these runs have ended."""

    def ended() -> bool:
        reconcile(run for run in some if not events.read_state(run).status.ended)
        return all(events.read_state(run).status.ended for run in some)

    runs.wait_for(ended)


def started(count: Path) -> int:
    """How often the counting script was started."""
    return len(count.read_bytes()) if count.exists() else 0


def kept_for(pool: Pool) -> list[str]:
    """What is kept privately for runs of a pool."""
    return sorted(pool_private.known(pool.folder.path))


def nothing_is_left(pool: Pool) -> None:
    """Neither tickets nor secrets, and the next run gets its node."""
    assert runs.finish(pools.submit(pool)).reason is Reason.COMPLETED
    pool.kick()
    pools.nobody_is_at(pool)
    assert os.listdir(pool.folder.queue) == []
    assert kept_for(pool) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", QUEUED_STEPS)
def test_a_submitter_killed_while_its_run_queues(
    workspace: WorkspaceDirectory, go: Path, count: Path, step: str, when: str
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    text = COUNTED.format(str(count)) + "; assert os.environ['API_TOKEN'] == 'tell' + '-nobody'"
    run = runs.make_run(workspace, text, target="pool", secret_variables=["API_TOKEN"])
    killed(workspace, run, step, when)
    # The ticket is what commits: with it the run starts, without it submit had not returned.
    committed = bool(os.listdir(pool.folder.queue))
    reconcile([run])
    said = (step, when) not in NOT_YET_SAID
    waits = Status.QUEUED if said else Status.NOT_STARTED
    assert pools.status(run) is (waits if committed else Status.FAILED)
    go.touch()
    runs.finish(first)
    look(pool, run)
    reason = events.read_state(run).reason
    assert (reason, started(count)) == (
        (Reason.COMPLETED, 1) if committed else (Reason.RUNNER_LOST, 0)
    )
    if not committed:
        message = events.read_state(run).detail["error"]["message"]
        assert "ended before a runner was started" in message or "is gone" in message
    nothing_is_left(pool)


def test_half_a_ticket_of_a_killed_submitter_goes(workspace: WorkspaceDirectory, go: Path) -> None:
    """Killed between writing it and giving it its name."""
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    run = runs.make_run(workspace, target="pool", secret_variables=["API_TOKEN"])
    killed(workspace, run, "os.rename", "before")
    assert [name[-4:] for name in os.listdir(pool.folder.queue)] == [".tmp"]
    go.touch()
    runs.finish(first)
    look(pool, run)
    assert events.read_state(run).reason is Reason.RUNNER_LOST
    nothing_is_left(pool)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", DIRECT_STEPS)
def test_a_submitter_killed_while_its_run_starts(
    workspace: WorkspaceDirectory, count: Path, step: str, when: str
) -> None:
    pool = pools.make(workspace)
    run = runs.make_run(workspace, COUNTED.format(str(count)), target="pool")
    killed(workspace, run, step, when)
    look(pool, run)
    ran = (step, when) == ("runner_process.start", "after")
    assert events.read_state(run).reason is (Reason.COMPLETED if ran else Reason.RUNNER_LOST)
    assert started(count) == int(ran)
    nothing_is_left(pool)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STARTING_STEPS)
def test_a_process_killed_while_it_starts_who_is_next(
    workspace: WorkspaceDirectory, go: Path, count: Path, step: str, when: str
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go), grace_period_s=0.2)
    second = pools.submit(pool, COUNTED.format(str(count)))
    third = pools.submit(pool, COUNTED.format(str(count)))
    pools.begun(first)
    killing.lose(first)  # nobody starts the next one
    killed(workspace, None, step, when)
    look(pool, first, second, third)
    assert events.read_state(first).reason is Reason.RUNNER_LOST
    assert [events.read_state(run).reason for run in (second, third)] == [Reason.COMPLETED] * 2
    assert started(count) == 2
    runs.wait_for(lambda: processes.of_run(first.path) == [])
    nothing_is_left(pool)


def test_who_started_a_run_is_killed_before_its_ticket_is_gone_and_the_run_after_it(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    """The ticket says that the run waits, its lock that it was started: it must not start again."""
    pool = pools.make(workspace)
    first = pools.submit(pool, "")
    runs.finish(first)
    pools.submit(pool, pools.until(go))
    second = pools.submit(pool, pools.until(go / "never"))
    (name,) = os.listdir(pool.folder.queue)
    ticket = Path(pool.folder.queue, name).read_bytes()
    go.touch()
    pools.begun(second)
    pools.nobody_is_at(pool)
    Path(pool.folder.queue, name).write_bytes(ticket)
    registry.update(workspace, "pool", {"max_nodes": 2})
    assert os.listdir(pool.folder.queue) == []  # it has a node: the ticket is an old one
    Path(pool.folder.queue, name).write_bytes(ticket)
    os.kill(owner.signature(second.lock)["pid"], signal.SIGKILL)
    runs.wait_for(lambda: not owner.is_held(second.lock))
    pool.kick()
    jsonl.write_once(second.join(HANDLE), {"run": second.path})
    reconcile([second])
    assert owner.is_held(second.lock)  # another runner goes on with the script that runs
    events.request(second, "cancel")
    look(pool, second)
    assert events.read_state(second).reason is Reason.CANCELLED
    assert runs.log_of(second) == "begun\n"
    nothing_is_left(pool)


def test_after_a_restart_of_the_machine_the_queue_goes_on(
    workspace: WorkspaceDirectory, go: Path, count: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pools.make(workspace)
    monkeypatch.setenv("OF_THE_SHELL", "lost")
    first = pools.submit(pool, pools.until(go))
    text = COUNTED.format(str(count)) + "; print(os.environ.get('OF_THE_SHELL'))"
    second = pools.submit(pool, text)
    hidden = runs.make_run(workspace, text, target="pool", secret_variables=["API_TOKEN"])
    runs.start(pool, hidden, {"API_TOKEN": "tell-nobody"})
    pools.begun(first)
    killing.lose(first)
    shutil.rmtree(pool_private._in_memory(pool.folder.path))
    look(pool, first, second, hidden)
    assert events.read_state(first).reason is Reason.RUNNER_LOST
    assert events.read_state(second).reason is Reason.COMPLETED
    assert runs.log_of(second) == "ran\nNone\n"
    state = events.read_state(hidden)
    assert state.reason is Reason.LAUNCH_FAILED
    assert state.detail["error"]["message"] == (
        "the machine restarted while the run waited for a node, and the values of its secret "
        f"variables were kept in memory only; submit it again: runyard rerun {hidden.id}"
    )
    assert started(count) == 1
    nothing_is_left(pool)


def test_a_copied_workspace_starts_none_of_the_runs_that_wait_in_the_original(
    tmp_path: Path, go: Path, count: Path
) -> None:
    original = runs.workspace(tmp_path / "here")
    pool = pools.make(original)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool, COUNTED.format(str(count)))
    jsonl.write_once(second.join(HANDLE), {"run": second.path})
    pools.begun(first)
    shutil.copytree(
        original.path, tmp_path / "there" / ".runyard", symlinks=True, ignore=HALF_WRITTEN
    )
    copied = RunDirectory(str(tmp_path / "there" / os.path.relpath(second.path, tmp_path / "here")))
    look(pool, copied)
    Pool(copied.workspace, pool.record).kick()
    assert events.read_state(copied).reason is Reason.RUNNER_LOST
    assert "A copy of" in events.read_state(copied).detail["error"]["message"]
    assert (pools.status(second), started(count)) == (Status.QUEUED, 0)
    go.touch()
    runs.finish(first)
    assert runs.finish(second).reason is Reason.COMPLETED
    assert started(count) == 1


def test_listing_a_workspace_of_somebody_else_runs_nothing(
    tmp_path: Path, go: Path, count: Path
) -> None:
    """A queue that came with a workspace names scripts and programs: nobody but its user starts."""
    theirs = runs.workspace(tmp_path / "theirs")
    pool = pools.make(theirs)
    first = pools.submit(pool, pools.until(go))
    waiting = pools.submit(pool, COUNTED.format(str(count)))
    (name,) = os.listdir(pool.folder.queue)
    pools.begun(first)
    shutil.copytree(theirs.path, tmp_path / "mine" / ".runyard", symlinks=True, ignore=HALF_WRITTEN)
    mine = WorkspaceDirectory(str(tmp_path / "mine" / ".runyard"))
    copied = mine.run(waiting.experiment, waiting.id)
    # Neither handle nor signature tells that it is a copy: as if it came from another machine.
    owner_free = owner.take(copied.lock)
    assert owner_free is not None
    owner.sign(owner_free, {**owner.identity(), "ticket": name})
    owner_free.release()
    look_once = Pool(mine, pool.record)
    for _ in range(3):
        reconcile([copied])
        look_once.kick()
    assert (pools.status(copied), started(count)) == (Status.QUEUED, 0)
    place = look_once.places([copied])[0]
    assert place is not None
    who = user_name()
    assert str(place) == (
        f"position 1 of 1 in the queue of pool, submitted by {who} on {os.uname().nodename}"
    )
    look_once.cancel({"run": copied.path})
    assert events.read_state(copied).reason is Reason.CANCELLED
    go.touch()
    runs.finish(first)
    assert runs.finish(waiting).reason is Reason.COMPLETED


def test_a_forged_ticket_cannot_lead_to_another_run(
    workspace: WorkspaceDirectory, go: Path, count: Path
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second = pools.submit(pool)
    other = runs.make_run(workspace, COUNTED.format(str(count)), target="pool")
    (name,) = os.listdir(pool.folder.queue)
    ticket = Path(pool.folder.queue, name)
    for forged in (f"{other.experiment}/{other.id}", "../../elsewhere", "exp/.."):
        jsonl.write_once(str(ticket), {**jsonl.read_json(str(ticket)), "run": forged}, sync=False)
        forgery = ticket.read_bytes()
        registry.update(workspace, "pool", {"max_nodes": 2})
        assert started(count) == 0
        registry.update(workspace, "pool", {"max_nodes": 1})
        if not ticket.exists():
            break
        assert ticket.read_bytes() == forgery
    go.touch()
    runs.finish(first)
    look(pool, second)
    assert events.read_state(second).reason is Reason.RUNNER_LOST
    assert pools.status(other) is Status.NOT_STARTED


def test_a_moved_workspace_goes_on_with_its_queue(tmp_path: Path, go: Path, count: Path) -> None:
    here = runs.workspace(tmp_path / "here")
    pool = pools.make(here)
    run = pools.submit(pool, pools.until(go), grace_period_s=0.2)
    waiting = pools.submit(pool, COUNTED.format(str(count)))
    pools.begun(run)
    killing.lose(run)
    os.rename(tmp_path / "here", tmp_path / "there")
    moved = RunDirectory(str(tmp_path / "there" / os.path.relpath(waiting.path, tmp_path / "here")))
    look(pool, moved)
    assert events.read_state(moved).reason is Reason.COMPLETED
    assert started(count) == 1


def test_a_damaged_ticket_stops_nobody(workspace: WorkspaceDirectory, go: Path) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))
    second, third = pools.submit(pool), pools.submit(pool)
    name = pool_queue.names(pool.folder.queue)[0]
    Path(pool.folder.queue, name).write_text("{")
    Path(pool.folder.nodes_json).write_text("[]")
    go.touch()
    runs.finish(first)
    look(pool, second, third)
    assert events.read_state(second).reason is Reason.RUNNER_LOST
    assert events.read_state(third).reason is Reason.COMPLETED


def test_a_pool_removed_by_hand_leaves_no_run_behind(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    pool = pools.make(workspace)
    first, second = pools.submit(pool, pools.until(go)), pools.submit(pool)
    for run in (first, second):
        jsonl.write_once(run.join(HANDLE), {**pool._handle(run)}, sync=False)
    pools.begun(first)
    os.unlink(workspace.compute_json("pool"))
    reconcile([first, second])
    assert pools.status(first) is Status.RUNNING
    assert events.read_state(second).reason is Reason.RUNNER_LOST
    go.touch()
    assert runs.finish(first).reason is Reason.COMPLETED


def test_what_goes_wrong_behind_the_ticket_is_not_the_end_of_the_run(
    workspace: WorkspaceDirectory,
    go: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = pools.make(workspace)
    first = pools.submit(pool, pools.until(go))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pool_starting, "start_what_fits", full)
        patch.setattr(pool_queue, "persist", full)
        second = pools.submit(pool)
    assert pools.status(second) is Status.QUEUED
    assert caplog.messages[0] == (
        "nothing was started from the queue of 'pool': [Errno 28] No space left on device"
    )
    assert "may be missing in 'pool': [Errno 28] No space left on device" in caplog.messages[1]
    go.touch()
    runs.finish(first)
    assert runs.finish(second).reason is Reason.COMPLETED


SUBMITTER = """
import sys
from runyard.history.targets import load_target
from runyard.record.layout import WorkspaceDirectory
from runyard.testing import runs

workspace = WorkspaceDirectory(sys.argv[1])
target = load_target("pool", workspace)
for _ in range(int(sys.argv[2])):
    run = runs.make_run(workspace, sys.argv[3], target="pool")
    runs.start(target, run)
"""
TIMED = "import time; print(time.time()); time.sleep(0.1); print(time.time())"


def test_many_runs_of_several_processes_at_once(workspace: WorkspaceDirectory) -> None:
    pool = pools.make(workspace, max_nodes=2)
    argv = [sys.executable, "-c", SUBMITTER, workspace.path, "10", TIMED]
    submitters = [subprocess.Popen(argv) for _ in range(3)]
    assert [submitter.wait(60) for submitter in submitters] == [0, 0, 0]
    some = [RunDirectory(str(path)) for path in Path(workspace.experiment("exp")).iterdir()]
    assert len(some) == 30
    for run in some:
        assert runs.finish(run, 60).reason is Reason.COMPLETED
    spans = [tuple(map(float, runs.log_of(run).split())) for run in some]
    assert max(_at_once(spans)) <= 2
    pools.nobody_is_at(pool)
    assert os.listdir(pool.folder.queue) == []
    assert kept_for(pool) == []
    waited = sorted((queued, given) for run in some for queued, given in _waited(run))
    assert [given for _, given in waited] == sorted(given for _, given in waited)


def _at_once(spans: list[Any]) -> list[int]:
    """How many ran after each start and end."""
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    found, running = [], 0
    for _, change in changes:
        running += change
        found.append(running)
    return found


def _waited(run: RunDirectory) -> list[tuple[float, int]]:
    """When a run that waited was queued, and when its runner was started (in 10 ms since boot)."""
    queued = [e["t"] for e in events.read_state(run).events if e["status"] == "Queued"]
    return [(queued[0], owner.signature(run.lock)["start"])] if queued else []


def test_a_run_whose_runner_was_killed_keeps_its_node_until_its_end(
    workspace: WorkspaceDirectory, go: Path
) -> None:
    """Another runner goes on with it, and starts who is next in the end."""
    pool = pools.make(workspace)
    first, second = pools.submit(pool, pools.until(go)), pools.submit(pool)
    pools.begun(first)
    killing.kill_runner(first)
    pool.kick()
    assert owner.is_held(first.lock)
    assert pools.status(second) is Status.QUEUED
    go.touch()
    assert runs.finish(first).detail["adopted"] == 1
    assert runs.finish(second).reason is Reason.COMPLETED
    nothing_is_left(pool)
