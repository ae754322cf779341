"""Runs that another runner starts again: nothing of the script had begun, or ``max_restarts``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import pool_private, processes, restarting
from runyard.computes.local import LocalTarget
from runyard.history.reconcile import reconcile_run
from runyard.record import events, owner, script
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests import killing
from tests.runner.test_environment import gated, spec, wheelhouse
from tests.wheelhouse import GatedProject

__all__ = ["gated", "spec", "wheelhouse"]

COUNTS = """
import os, time
with open('outputs/count', 'a') as stream: stream.write('x')
print('ready', os.environ.get('OF_THE_SHELL'), os.environ.get('A_TOKEN'), flush=True)
while os.path.getsize('outputs/count') == 1 and not os.path.exists('go'): time.sleep(0.01)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def start(run: RunDirectory, **secrets: str) -> None:
    runs.start(LocalTarget(), run, secrets)


def ready(run: RunDirectory) -> None:
    runs.wait_for(lambda: "ready" in runs.log_of(run) and script.read(run).pid is not None)
    runs.wait_for(lambda: events.read_state(run).status is Status.RUNNING)


def nothing_is_kept(run: RunDirectory) -> bool:
    return not pool_private.known(run.path)


def message(run: RunDirectory) -> str:
    return str(events.read_state(run).detail["error"]["message"])


def building(run: RunDirectory, gated: GatedProject, **secrets: str) -> None:
    """Kill the runner of a run while its environment is being built."""
    start(run, **secrets)
    gated.wait_until_building()
    killing.kill_runner(run)


def test_a_run_whose_script_had_not_begun_is_started_by_another_runner(
    workspace: WorkspaceDirectory,
    gated: GatedProject,
    spec: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the variables of the submitter, and the secrets, that the dead runner had."""
    monkeypatch.setenv("OF_THE_SHELL", "kept")
    run = runs.make_run(
        workspace,
        COUNTS + "import gated",
        environment=spec("./gated"),
        secret_variables=["A_TOKEN"],
    )
    building(run, gated, A_TOKEN="hush")
    monkeypatch.setenv("OF_THE_SHELL", "of the reader")
    reconcile_run(run)
    assert owner.is_held(run.lock)
    gated.open()
    ready(run)
    assert nothing_is_kept(run)
    Path(run.work, "go").touch()
    state = runs.finish(run, 60)
    assert (state.reason, state.detail["adopted"]) == (Reason.COMPLETED, 1)
    assert runs.log_of(run) == "ready kept hush\n"
    assert Path(run.outputs, "count").read_text() == "x"
    assert processes.of_run(run.path) == []


def test_a_cancel_that_came_before_is_heeded(
    workspace: WorkspaceDirectory, gated: GatedProject, spec: Any
) -> None:
    run = runs.make_run(workspace, COUNTS, environment=spec("./gated"))
    building(run, gated)
    events.request(run, "cancel")
    reconcile_run(run)
    assert events.read_state(run).reason is Reason.CANCELLED
    assert processes.of_run(run.path) == []
    assert nothing_is_kept(run)


def test_a_workspace_from_elsewhere_starts_nothing(
    workspace: WorkspaceDirectory, gated: GatedProject, spec: Any
) -> None:
    """All that it says can be forged: what counts was kept by this user, outside of it."""
    run = runs.make_run(workspace, COUNTS, environment=spec("./gated"), max_restarts=5)
    building(run, gated)
    restarting.forget(run)
    reconcile_run(run)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST
    assert message(run).endswith(
        "It was not started again: what that takes was not kept for this user on this machine."
    )
    assert not os.path.exists(run.std_log)


def test_a_run_that_was_lost_is_started_again_as_often_as_it_may_be(
    workspace: WorkspaceDirectory,
) -> None:
    text = COUNTS.replace("== 1", "< 9")
    run = runs.make_run(workspace, text, max_restarts=2)
    start(run)
    for attempt in range(2):
        ready(run)
        killing.lose(run)
        reconcile_run(run)
        assert owner.is_held(run.lock)
        runs.wait_for(lambda n=attempt: len(Path(run.outputs, "count").read_text()) == n + 2)
    ready(run)
    killing.lose(run)
    reconcile_run(run)
    state = events.read_state(run)
    assert state.reason is Reason.RUNNER_LOST
    assert message(run).endswith("It was started again 2 times (max_restarts=2).")
    assert Path(run.outputs, "count").read_text() == "xxx"
    for number in range(2):
        assert (
            "ready" in Path(run.join("user_logs", f"attempt_{number}", "std_log.txt")).read_text()
        )
        assert os.path.exists(os.path.join(run.launch, f"attempt_{number}", "script.jsonl"))
    assert nothing_is_kept(run)


def test_a_restart_of_the_machine_needs_max_restarts(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is after one: another boot, nothing of the run alive, and /dev/shm empty."""
    monkeypatch.setenv("OF_THE_SHELL", "lost")
    found = []
    for most in (0, 1):
        run = runs.make_run(workspace, COUNTS, max_restarts=most)
        start(run)
        ready(run)
        killing.lose(run)
        of_another_boot(run)
        shutil.rmtree(pool_private._in_memory(run.path), ignore_errors=True)
        reconcile_run(run)
        state = runs.finish(run)
        found.append((state.reason, Path(run.outputs, "count").read_text(), runs.log_of(run)))
        assert nothing_is_kept(run)
    assert found == [
        (Reason.RUNNER_LOST, "x", "ready lost None\n"),
        (Reason.COMPLETED, "xx", "ready None None\n"),
    ]


def test_after_a_restart_of_the_machine_secrets_are_forgotten(
    workspace: WorkspaceDirectory,
) -> None:
    run = runs.make_run(workspace, COUNTS, max_restarts=1, secret_variables=["A_TOKEN"])
    start(run, A_TOKEN="hush")
    ready(run)
    killing.lose(run)
    of_another_boot(run)
    shutil.rmtree(pool_private._in_memory(run.path))
    reconcile_run(run)
    assert events.read_state(run).reason is Reason.RUNNER_LOST
    assert message(run).endswith(
        "It was not started again: the values of its secret variables were kept in memory only; "
        f"submit it again: runyard rerun {run.id}"
    )


def test_a_run_that_was_told_to_end_is_not_started_again(workspace: WorkspaceDirectory) -> None:
    """Here at its time limit, of which the script takes its time to end."""
    text = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))\n"
    run = runs.make_run(
        workspace, text + COUNTS, max_restarts=3, max_run_duration_s=6.0, grace_period_s=60.0
    )
    start(run)
    runs.wait_for(lambda: "told" in runs.log_of(run))
    killing.lose(run)
    reconcile_run(run)
    assert events.read_state(run).reason is Reason.RUNNER_LOST
    assert Path(run.outputs, "count").read_text() == "x"


@pytest.mark.parametrize(
    ("end", "reason"),
    [("raise SystemExit(3)", Reason.SCRIPT_EXIT_CODE), ("os.kill(os.getpid(), 9)", Reason.SIGNAL)],
)
def test_what_a_script_brings_upon_itself_is_no_reason_to_start_it_again(
    workspace: WorkspaceDirectory, end: str, reason: Reason
) -> None:
    run = runs.make_run(workspace, COUNTS + end, max_restarts=3)
    start(run)
    ready(run)
    killing.kill_runner(run)
    Path(run.work, "go").touch()
    runs.wait_for(lambda: script.read(run).code is not None)
    reconcile_run(run)
    assert runs.finish(run).reason is reason
    assert Path(run.outputs, "count").read_text() == "x"


def of_another_boot(run: RunDirectory) -> None:
    """Let the records of the run say that they were made before the machine restarted."""
    boot = owner.identity()["boot"].encode()
    for path in (script.path_of(run), run.lock):
        Path(path).write_bytes(Path(path).read_bytes().replace(boot, b"another"))
