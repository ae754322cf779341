"""Files of runs that have ended, damaged without a trace in the time of their folder."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.computes.local import LocalTarget
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.history.workspace import Workspace
from runyard.record import owner, script
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.faults import laws
from tests.history.helpers import age, end, make_run, note_status, sign_and_let_go


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(runs.workspace(tmp_path))


@pytest.fixture(autouse=True)
def _time_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that writes an end again may take longer than a list waits, on a busy machine."""
    monkeypatch.setattr("runyard.history.reconcile._SEE_ENDS_S", 30.0)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Behind its first line."""
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


DAMAGES: list[Callable[[Path], object]] = [emptied, cut, Path.unlink]


def completed(workspace: Workspace, text: str = "print('done')") -> RunDirectory:
    run = runs.make_run(workspace.directory, text)
    runs.start(LocalTarget(), run)
    assert runs.finish(run).reason is Reason.COMPLETED
    laws.settle(workspace.directory)  # its runner has ended as well
    age(run, 100)
    return run


def shown(workspace: Workspace) -> list[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [(entry.id, entry.status) for entry in workspace.select()]


def stamped(run: RunDirectory, damage: Callable[[], object]) -> None:
    """Damage that does not change the time of the run's folder."""
    before = os.stat(run.path)
    damage()
    os.utime(run.path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_run_json_is_listed_as_damaged_at_once(workspace: Workspace) -> None:
    run = make_run(workspace.directory)
    end(run)
    age(run)
    assert shown(workspace) == [(run.id, "Completed")]
    whole = Path(run.run_json).read_bytes()
    stamped(run, lambda: Path(run.run_json).write_bytes(b"not JSON"))
    with pytest.warns(UserWarning, match=rf"run {run.id} cannot be read and is listed as Damaged"):
        [entry] = workspace.select()
    assert (entry.status, entry.created) == ("Damaged", float(run.id.split("_")[1]))
    assert workspace.select(Query(status="Completed")) == []
    stamped(run, lambda: Path(run.run_json).write_bytes(whole))
    assert shown(workspace) == [(run.id, "Completed")]


def test_a_run_whose_files_are_as_they_were_is_not_read_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(workspace.directory)
    end(run)
    age(run)
    index = Index(workspace.directory)
    assert [entry.id for entry in index.select()] == [run.id]
    monkeypatch.setattr("runyard.history.index.read_entry", None)
    assert [entry.id for entry in index.select()] == [run.id]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_end_that_is_gone_is_written_again_as_it_was(
    workspace: Workspace, damage: Callable[[Path], object]
) -> None:
    """With the times that the script's witness has recorded, never those of who looks."""
    run = completed(workspace)
    assert shown(workspace) == [(run.id, "Completed")]
    before = read_state(run)
    time.sleep(1.5)  # longer than the end takes
    stamped(run, lambda: damage(Path(run.events)))
    looked = time.monotonic()
    assert shown(workspace) == [(run.id, "Completed")]
    after = runs.finish(run)
    took_s = time.monotonic() - looked
    assert (after.reason, after.detail["adopted"]) == (Reason.COMPLETED, 1)
    recorded = script.read(run)
    assert after.started == (before.started if damage is cut else recorded.begun)
    assert recorded.ended is not None
    assert after.ended is not None
    assert recorded.ended <= after.ended <= recorded.ended + took_s
    laws.settle(workspace.directory)
    laws.hold(workspace.directory, [run.id])


def test_the_start_of_a_script_that_ended_at_once_is_kept_as_well(workspace: Workspace) -> None:
    """Its witness has seen it end before it could read by which number the kernel knows it."""
    run = completed(workspace)
    assert shown(workspace) == [(run.id, "Completed")]
    path = Path(run.launch, "script.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (line,) = [line for line in lines if "script" in line]
    line["started"] = None
    line["t"] -= 5.0
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    Path(run.events).unlink()
    assert shown(workspace) == [(run.id, "Completed")]
    assert runs.finish(run).started == pytest.approx(line["t"], abs=0.01)


def test_an_end_that_was_recorded_before_the_machine_was_restarted_counts(
    workspace: Workspace,
) -> None:
    run = completed(workspace)
    assert shown(workspace) == [(run.id, "Completed")]
    stamped(run, lambda: emptied(Path(run.events)))
    boot = owner.identity()["boot"].encode()
    for path in (Path(run.lock), Path(run.launch, "script.jsonl")):
        path.write_bytes(path.read_bytes().replace(boot, b"another"))
    assert shown(workspace)[0][0] == run.id
    assert runs.finish(run).reason is Reason.COMPLETED


def test_the_runner_has_said_how_it_ended(workspace: Workspace) -> None:
    """Of a reason that does not follow from the exit code of the script."""
    run = completed(workspace)
    log = Path(run.runner_log)
    log.write_text(log.read_text().replace("ended: completed", "ended: data_failed"))
    emptied(Path(run.events))
    shown(Workspace.at(workspace.path))
    state = runs.finish(run)
    assert state.reason is Reason.DATA_FAILED
    assert state.detail["error"]["message"] == (
        "system_logs/runner.txt says that the run ended so; events.jsonl, which said more, has "
        "lost its end."
    )


def test_what_a_run_has_left_is_not_stored_twice(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place on the datastore may hold something newer by now."""
    from runyard import Datastore, Experiment, OutputFileDatasetConfig, ScriptRunConfig
    from tests.faults.everything import here

    monkeypatch.setenv("UV_OFFLINE", "1")
    (tmp_path / "store").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(
        "import sys; open(sys.argv[1] + '/made.txt', 'w').write('of the run')"
    )
    store = Datastore.register(workspace, "store", tmp_path / "store")
    left = OutputFileDatasetConfig("left", (store, "left")).as_upload(overwrite=True)
    config = ScriptRunConfig(tmp_path / "source", "train.py", [left], environment=here())
    done = Experiment(workspace, "exp").submit(config)
    done.wait_for_completion()
    laws.settle(workspace.directory)
    made = tmp_path / "store/left/made.txt"
    assert made.read_text() == "of the run"
    made.write_text("newer")
    emptied(Path(done.directory.events))
    shown(Workspace.at(workspace.path))
    assert runs.finish(done.directory).reason is Reason.COMPLETED
    assert made.read_text() == "newer"


def test_an_interactive_run_without_events_says_what_is_not_known(workspace: Workspace) -> None:
    run = make_run(workspace.directory)
    note_status(run, Status.RUNNING)
    end(run)
    sign_and_let_go(run, start=1)
    os.makedirs(run.metrics, exist_ok=True)
    Path(run.metrics, "1.jsonl").write_text('{"t":1.0,"n":"loss","v":1}\n')
    age(run)
    assert shown(workspace) == [(run.id, "Completed")]
    stamped(run, lambda: emptied(Path(run.events)))
    assert shown(workspace) == [(run.id, "Failed")]
    state = read_state(run)
    assert (state.reason, state.started) == (Reason.RUNNER_LOST, None)
    message = state.detail["message"]
    assert "run.complete() was never called" not in message
    assert message.endswith(
        f"{run.events} is empty, though the run has left metrics: when it began, and whether it "
        "ended before, is not known. Put a copy of the file back if there is one."
    )
    shutil.rmtree(run.path)
    assert shown(workspace) == []
