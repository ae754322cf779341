"""Processes of a run that are killed from outside: the script, what it left behind, a rank."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from runyard.computes.local import LocalTarget
from runyard.record import events, jsonl, owner, ranks, script, workdir
from runyard.record.events import State
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.faults import laws

# Two children that left the process group: one is orphaned, and out of its sight as well.
LEAVING = """
import os, subprocess, sys, time
sleeper = "import sys, time; time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", sleeper, "child"], start_new_session=True)
between = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', %r, 'orphan'])" % sleeper
subprocess.run([sys.executable, "-c", between], start_new_session=True, check=True)
print("ready", child.pid, os.getpid(), flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.02)
sys.exit(child.poll() is not None and -child.poll())
"""


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


def begun(workspace: WorkspaceDirectory, text: str, folder: Path, **changes: Any) -> RunDirectory:
    variables = {"GO": str(folder / "go")}
    run = runs.make_run(workspace, text, environment_variables=variables, **changes)
    runs.start(LocalTarget(), run)
    return run


def end_of(run: RunDirectory) -> State:
    laws.settle(run.workspace)
    laws.hold(run.workspace, [run.id])
    return events.read_state(run)


def pids(run: RunDirectory) -> tuple[int, int]:
    """Of the child, and of the script."""
    runs.wait_for(lambda: runs.log_of(run).endswith("\n"))
    _, child, script = runs.log_of(run).split()
    return int(child), int(script)


def test_a_child_that_left_the_group_and_is_killed_is_the_scripts_to_mind(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(workspace, LEAVING, tmp_path)
    child, _ = pids(run)
    os.kill(child, signal.SIGKILL)
    runs.wait_for(lambda: owner.start_ticks(child) is None)  # the script asks without waiting
    assert not events.read_state(run).status.ended
    (tmp_path / "go").touch()
    state = end_of(run)
    assert (state.reason, state.detail["exit_code"]) == (Reason.SCRIPT_EXIT_CODE, 9)


def test_children_that_left_the_group_do_not_outlive_the_run(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    run = begun(workspace, LEAVING, tmp_path)
    pids(run)
    (tmp_path / "go").touch()
    assert end_of(run).reason is Reason.COMPLETED


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_script_that_is_killed_takes_along_what_left_its_group(
    workspace: WorkspaceDirectory, tmp_path: Path, number: signal.Signals
) -> None:
    run = begun(workspace, LEAVING, tmp_path)
    _, pid = pids(run)
    os.kill(pid, number)
    state = end_of(run)
    assert (state.reason, state.detail["signal"]) == (Reason.SIGNAL, number.name)
    assert state.detail["exit_code"] == 128 + number


@pytest.mark.parametrize("how", ["end", "SIGKILL", "cancel"])
def test_without_its_witness_a_script_goes_on_to_its_true_end(
    workspace: WorkspaceDirectory, tmp_path: Path, how: str
) -> None:
    """The runner, a subreaper, has it as its own child then."""
    run = begun(workspace, LEAVING, tmp_path)
    child, pid = pids(run)
    runs.wait_for(lambda: script.read(run).pid is not None)
    os.kill(script.read(run).witness["pid"], signal.SIGKILL)
    runs.wait_for(lambda: "goes on" in Path(run.runner_log).read_text())
    assert not events.read_state(run).status.ended
    if how == "end":
        os.kill(child, signal.SIGKILL)
        runs.wait_for(lambda: owner.start_ticks(child) is None)  # the script asks without waiting
        (tmp_path / "go").touch()
    elif how == "SIGKILL":
        os.kill(pid, signal.SIGKILL)
    else:
        events.request(run, "cancel")
    state = end_of(run)
    found = state.reason, state.detail.get("exit_code")
    wanted = {
        "end": (Reason.SCRIPT_EXIT_CODE, 9),
        "SIGKILL": (Reason.SIGNAL, 137),
        "cancel": (Reason.CANCELLED, None),
    }
    assert found == wanted[how]


RANK = "import os, time; print('ready', os.getpid(), flush=True); time.sleep(600)"


@pytest.mark.parametrize("rank", [0, 2])
def test_one_rank_that_is_killed_ends_the_run_and_is_named(
    workspace: WorkspaceDirectory, tmp_path: Path, rank: int
) -> None:
    distribution = {"process_count": 3, "backend": "gloo"}
    given: dict[str, Any] = {"launcher": "pytorch", "processes_per_node": 3}
    run = begun(workspace, RANK, tmp_path, distribution=distribution, **given)

    def logs() -> list[str]:
        paths = [Path(run.rank_log(number)) for number in range(3)]
        return [path.read_text() if path.exists() else "" for path in paths]

    runs.wait_for(lambda: all("ready" in log and log.endswith("\n") for log in logs()))
    os.kill(int(logs()[rank].split("ready")[1]), signal.SIGKILL)
    state = end_of(run)
    assert (state.reason, state.detail["signal"]) == (Reason.SIGNAL, "SIGKILL")
    assert state.detail["rank"] == rank
    assert state.detail["error"]["message"] == f"rank {rank} was ended by SIGKILL"
    assert len(ranks.read(run)) == 3


def test_half_of_a_work_folder_that_a_killed_runner_left_is_made_anew(
    workspace: WorkspaceDirectory,
) -> None:
    """Else a script that was copied by half would run, and complete."""
    run = runs.make_run(workspace, "import other; print(other.NAME)", {"other.py": "NAME = 7"})
    begun_folder = Path(run.join("work.begun"))
    begun_folder.mkdir()
    (begun_folder / "train.py").touch()
    runs.start(LocalTarget(), run)
    assert end_of(run).reason is Reason.COMPLETED
    assert runs.log_of(run) == "7\n"
    assert not begun_folder.exists()


def test_half_of_a_file_that_is_copied_again_is_not_taken_for_the_scripts(
    workspace: WorkspaceDirectory,
) -> None:
    """What an earlier attempt has deleted is there again, whole."""
    run = runs.make_run(workspace, "print(1)", {"lib/other.py": "NAME = 7"})
    snapshot = str(jsonl.read_json(run.run_json)["snapshot"])
    Path(run.work, "lib").mkdir(parents=True)
    Path(run.work, "lib", "other.py.runyard-begun").touch()
    Path(run.work, "train.py").write_text("changed by the script")
    manifest = workspace.manifest(snapshot)
    workdir.materialise(manifest, workspace.blobs, run.work, missing_only=True)
    assert Path(run.work, "lib", "other.py").read_text() == "NAME = 7"
    assert Path(run.work, "train.py").read_text() == "changed by the script"
    assert os.listdir(Path(run.work, "lib")) == ["other.py"]
