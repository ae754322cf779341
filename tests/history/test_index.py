from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from runyard.history import entry as entry_module
from runyard.history.database import on_network
from runyard.history.index import Index, reindex
from runyard.history.index_query import Query
from runyard.record import jsonl
from runyard.record.events import request, touch
from runyard.record.layout import WorkspaceDirectory
from runyard.record.notes import NoteWriter
from runyard.record.states import Reason, Status
from tests.history.helpers import age, end, make_run, note_status


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    folder = WorkspaceDirectory(str(tmp_path / ".runyard"))
    os.makedirs(folder.path)
    return folder


@pytest.fixture
def index(workspace: WorkspaceDirectory) -> Index:
    return Index(workspace)


def ids(index: Index, query: Query | None = None) -> list[str]:
    return [entry.id for entry in index.select(query)]


def test_an_empty_workspace_has_no_runs(index: Index) -> None:
    assert index.select() == []


def test_an_entry_has_what_a_list_shows(workspace: WorkspaceDirectory, index: Index) -> None:
    run = make_run(workspace, tags={"a": "1"}, properties={"p": "2"}, target="local", parent="x")
    note_status(run, Status.RUNNING)
    end(run, Reason.SIGNAL)
    NoteWriter(run).write("display_name", None, "a name")
    [entry] = index.select()
    assert (entry.experiment, entry.id, entry.type) == ("exp", run.id, "azureml.scriptrun")
    assert (entry.status, entry.reason, entry.parent) == ("Failed", "signal", "x")
    assert (entry.tags, entry.properties) == ({"a": "1"}, {"p": "2"})
    assert (entry.display_name, entry.target, entry.problem) == ("a name", "local", None)
    assert entry.started is not None
    assert entry.ended is not None
    assert entry.created < entry.started <= entry.ended


def test_runs_by_environment(workspace: WorkspaceDirectory, index: Index) -> None:
    for run_id, key in (("r1", "k1"), ("r2", "k2"), ("r3", "k1"), ("r4", ""), ("r5", None)):
        run = make_run(workspace, run_id=run_id, age_s=10 - int(run_id[1]))
        record = jsonl.read_json(run.run_json)
        spec = None if key is None else {"environment": {"key": key}}
        jsonl.write_once(run.run_json, {**record, "spec": spec})
    assert index.environments() == {"k1": 2, "k2": 1}
    assert ids(index, Query(environment="k1")) == ["r3", "r1"]
    assert ids(index, Query(environment="none")) == []
    assert {entry.id: entry.environment for entry in index.select()}["r4"] is None


def test_newest_first_and_limit(workspace: WorkspaceDirectory, index: Index) -> None:
    for number in range(5):
        make_run(workspace, run_id=f"r{number}", age_s=100 - number)
    assert ids(index) == ["r4", "r3", "r2", "r1", "r0"]
    assert ids(index, Query(limit=2)) == ["r4", "r3"]


def test_filters(workspace: WorkspaceDirectory, index: Index) -> None:
    make_run(workspace, "a", "r1", tags={"lr": "0.1", "other": "lr"}, type="hyperdrive")
    done = make_run(workspace, "a", "r2", tags={"lr": 'a "quoted" one'}, parent="r1")
    end(done)
    make_run(workspace, "b", "r3", properties={"lr": "0.1"})
    assert ids(index, Query(tags="lr")) in (["r1", "r2"], ["r2", "r1"])
    assert ids(index, Query(tags={"lr": "0.1"})) == ["r1"]
    assert ids(index, Query(tags={"lr": 'a "quoted" one'})) == ["r2"]
    assert ids(index, Query(tags={"lr": "0.1", "other": "no"})) == []
    assert ids(index, Query(tags="missing")) == []
    assert ids(index, Query(properties={"lr": "0.1"})) == ["r3"]
    assert ids(index, Query(status="Completed")) == ["r2"]
    assert ids(index, Query(type="hyperdrive")) == ["r1"]
    assert ids(index, Query(experiment="b")) == ["r3"]
    assert ids(index, Query(experiment="a", include_children=False)) == ["r1"]


def test_a_filter_finds_whole_names_only(workspace: WorkspaceDirectory, index: Index) -> None:
    make_run(workspace, tags={"a": '"lr":'})
    assert ids(index, Query(tags="lr")) == []


def test_changes_are_seen_through_the_stamp(workspace: WorkspaceDirectory, index: Index) -> None:
    run = make_run(workspace)
    end(run)
    age(run)
    assert index.select()[0].tags == {}
    NoteWriter(run).tag("a", "1")
    assert index.select()[0].tags == {"a": "1"}


def test_a_run_that_did_not_change_is_not_read_again(
    workspace: WorkspaceDirectory, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(workspace)
    end(run)
    age(run)
    before = index.select()

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(entry_module, "_read", fail)
    assert index.select() == before
    assert Index(workspace).select() == before


def test_two_changes_under_one_stamp_are_both_seen(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace)
    end(run)
    notes = NoteWriter(run)
    notes.tag("a", "1")
    stamp = os.stat(run.path).st_mtime_ns
    index = Index(workspace, now_ns=lambda: stamp)
    assert index.select()[0].tags == {"a": "1"}
    notes.tag("b", "2")
    os.utime(run.path, ns=(stamp, stamp))
    assert index.select()[0].tags == {"a": "1", "b": "2"}


def test_a_run_that_has_not_ended_is_always_read(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    run = make_run(workspace)
    age(run)
    assert index.select()[0].status == "NotStarted"
    request(run, "cancel")  # leaves the stamp of the run directory as it is
    age(run)
    assert index.select()[0].status == "CancelRequested"
    assert [entry.id for entry in index.unended()] == [run.id]


def test_a_removed_run_is_gone(workspace: WorkspaceDirectory, index: Index) -> None:
    runs = [make_run(workspace, "a", "r1"), make_run(workspace, "b", "r2")]
    index.select()
    shutil.rmtree(runs[0].path)
    assert ids(index, Query(experiment="a")) == []
    shutil.rmtree(workspace.experiment("b"))
    assert ids(index) == []
    assert index.unended() == []


def test_another_index_sees_what_the_first_wrote(workspace: WorkspaceDirectory) -> None:
    first, second = Index(workspace), Index(workspace)
    first.select()
    second.select()
    run = make_run(workspace)
    assert ids(first) == [run.id]
    end(run)
    assert second.select()[0].status == "Completed"
    assert first.select()[0].status == "Completed"


def test_a_run_just_being_created_is_not_listed(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    os.makedirs(workspace.run("exp", "r1").path)
    assert index.select() == []


def later(workspace: WorkspaceDirectory) -> Index:
    """An index for which all that has happened so far is long ago."""
    return Index(workspace, now_ns=lambda: time.time_ns() + 60_000_000_000)


def test_a_run_whose_creation_takes_long_is_listed_in_the_end(
    workspace: WorkspaceDirectory,
) -> None:
    """Its name came long before: the folder of its experiment does not change any more."""
    index = later(workspace)
    run = make_run(workspace)
    aside = os.path.join(workspace.path, "aside")
    os.rename(run.run_json, aside)
    changed = os.stat(workspace.experiment("exp")).st_ctime_ns
    assert index.select() == []
    os.rename(aside, run.run_json)
    assert os.stat(workspace.experiment("exp")).st_ctime_ns == changed
    assert ids(index, Query(limit=1)) == [run.id]


def test_what_is_not_shown_is_not_looked_at(workspace: WorkspaceDirectory) -> None:
    """Until a filter asks for what may have changed."""
    index = later(workspace)
    for number in range(3):
        end(make_run(workspace, run_id=f"r{number}", age_s=100 - number))
    index.select()
    old = workspace.run("exp", "r0")
    NoteWriter(old).tag("a", "1")
    age(old, -1)
    stamp = os.stat(old.path).st_mtime_ns
    assert ids(index, Query(limit=2)) == ["r2", "r1"]
    index.close()
    with sqlite3.connect(workspace.index) as db:
        known = db.execute("SELECT stamp FROM runs WHERE id = 'r0'").fetchone()[0]
    db.close()
    assert known != stamp
    assert ids(index, Query(tags="a", limit=2)) == ["r0"]


def test_another_run_takes_the_place_of_one_that_is_none(workspace: WorkspaceDirectory) -> None:
    index = later(workspace)
    for number in range(4):
        end(make_run(workspace, run_id=f"r{number}", age_s=100 - number))
    assert ids(index, Query(limit=2)) == ["r3", "r2"]
    os.unlink(workspace.run("exp", "r3").run_json)
    NoteWriter(workspace.run("exp", "r1")).tag("a", "1")
    first, second = index.select(Query(limit=2))
    assert (first.id, second.id, second.tags) == ("r2", "r1", {"a": "1"})


def test_a_folder_put_in_the_place_of_another_is_read(workspace: WorkspaceDirectory) -> None:
    index = later(workspace)
    run = make_run(workspace)
    end(run)
    before = shutil.copytree(run.path, os.path.join(workspace.path, "before"))
    NoteWriter(run).tag("a", "1")
    assert index.select()[0].tags == {"a": "1"}
    shutil.rmtree(run.path)
    os.rename(before, run.path)
    age(run, 1000)
    assert index.select(Query(limit=1))[0].tags == {}
    assert later(workspace).select(Query(limit=1))[0].tags == {}


def test_lists_of_few_are_in_the_order_of_lists_of_all(workspace: WorkspaceDirectory) -> None:
    """They take other ways through the table."""
    for run_id, created in (("r9", 5.0), ("r10", 5.0), ("r9_copy", 5.0), ("old", 1.0)):
        make_run(workspace, run_id=run_id, created=created)
    index = Index(workspace)
    whole = ids(index)
    assert whole == ["r9", "r10", "r9_copy", "old"]
    assert [ids(index, Query(limit=n)) for n in range(1, 5)] == [whole[:n] for n in range(1, 5)]
    assert ids(index, Query(experiment="exp", limit=3)) == whole[:3]


def test_a_damaged_run_is_listed_and_warned_of_once(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    good, bad = make_run(workspace, run_id="good"), make_run(workspace, run_id="bad")
    Path(bad.run_json).write_text('{"id": ')
    with pytest.warns(UserWarning, match=r"run bad cannot be read and is listed") as seen:
        entries = index.select()
    assert bad.path in str(seen[0].message)
    assert {entry.id: entry.status for entry in entries} == {
        good.id: "NotStarted",
        bad.id: "Damaged",
    }
    assert [entry.id for entry in index.unended()] == ["good"]
    index.select()  # says nothing more, or the warning would be an error here


def test_a_run_that_could_not_be_read_for_a_moment_is_read_again(
    workspace: WorkspaceDirectory, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files, or a disk that does not answer, says nothing of the run."""
    run = make_run(workspace)
    end(run)
    age(run)
    with monkeypatch.context() as patch:

        def too_many(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        patch.setattr("runyard.history.entry._read", too_many)
        with pytest.warns(UserWarning, match="Too many open files"):
            assert index.select()[0].status == "Damaged"
    assert index.select()[0].status == "Completed"


@pytest.mark.parametrize(
    "events", ['{"t": 1, "status": "Nonsense"}\n', '{"status": "Failed", "t": 1}\n', "7\n"]
)
def test_damaged_events_do_not_break_a_list(
    workspace: WorkspaceDirectory, index: Index, events: str
) -> None:
    run = make_run(workspace)
    Path(run.events).write_text(events)
    assert index.select()[0].status == "NotStarted"


@pytest.mark.parametrize(
    "damage",
    [
        {"created": float("nan")},
        {"created": float("inf")},
        {"created": -1e300},
        {"spec": {"target": ["x"]}},
        {"spec": {"environment": {"key": {"x": 1}}}},
    ],
)
def test_what_no_table_can_hold_is_a_damaged_run_beside_others(
    workspace: WorkspaceDirectory, index: Index, damage: dict[str, object]
) -> None:
    make_run(workspace, run_id="good")
    bad = make_run(workspace, run_id="bad")
    jsonl.write_once(bad.run_json, {**jsonl.read_json(bad.run_json), **damage})
    with pytest.warns(UserWarning, match=r"run bad cannot be read and is listed"):
        found = {entry.id: entry.status for entry in index.select()}
    assert found == {"good": "NotStarted", "bad": "Damaged"}


def test_names_that_are_no_text_break_no_list(workspace: WorkspaceDirectory, index: Index) -> None:
    run = make_run(workspace, run_id="odd")
    record = {**jsonl.read_json(run.run_json), "parent": "\ud800", "type": "a\udcff"}
    jsonl.write_once(run.run_json, record)
    NoteWriter(run).write("display_name", None, "b\ud800")
    NoteWriter(run).write("tag", "c\udcff", "d\ud800")
    (found,) = index.select()
    assert (found.parent, found.type, found.display_name) == ("\\ud800", "a\\udcff", "b\\ud800")
    assert found.tags == {"c\\udcff": "d\\ud800"}


def test_folders_whose_names_are_no_text_are_no_runs(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    good = make_run(workspace, run_id="good")
    shutil.copytree(good.path, os.path.join(os.path.dirname(good.path), "\udcff"))
    shutil.copytree(good.path, os.path.join(workspace.experiment("\udcff"), "run"))
    assert ids(index) == ["good"]


def test_a_run_of_a_newer_format_is_not_guessed_at(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    run = make_run(workspace)
    jsonl.write_once(run.run_json, {"format": 99})
    with pytest.warns(UserWarning, match=r"newer runyard \(format 99; this one reads up to 1\)"):
        assert index.select()[0].status == "Damaged"


def test_a_file_that_is_no_database_is_replaced(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace)
    Path(workspace.index).write_bytes(b"not a database, but long enough to be looked at" * 50)
    index = Index(workspace)
    assert ids(index) == [run.id]
    index.close()
    with sqlite3.connect(workspace.index) as db:
        assert db.execute("SELECT id FROM runs").fetchall() == [(run.id,)]
    db.close()


def test_a_table_of_another_release_is_replaced(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace)
    db = sqlite3.connect(workspace.index)
    db.execute("CREATE TABLE runs (old INTEGER)")
    db.execute("PRAGMA user_version=999")
    db.commit()
    db.close()
    assert ids(Index(workspace)) == [run.id]


def test_without_a_place_for_a_file_the_index_is_in_memory(workspace: WorkspaceDirectory) -> None:
    run = make_run(workspace)
    os.mkdir(workspace.index)
    index = Index(workspace)
    assert ids(index) == [run.id]
    end(run)
    assert index.select()[0].status == "Completed"


def test_a_locked_file_does_not_stop_a_list(
    workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.history.database._BUSY_TIMEOUT_S", 0.01)
    reindex(workspace)
    run = make_run(workspace)
    other = sqlite3.connect(workspace.index, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert ids(Index(workspace)) == [run.id]
    other.close()


def test_reindex_reads_everything_again(workspace: WorkspaceDirectory, index: Index) -> None:
    run = make_run(workspace)
    end(run)
    age(run)
    index.select()
    db = sqlite3.connect(workspace.index)
    db.execute("UPDATE runs SET status = 'wrong'")
    db.commit()
    db.close()
    assert index.select()[0].status == "wrong"
    assert reindex(workspace) == 1
    assert index.select()[0].status == "Completed"


def _list_and_touch(path: str, run_paths: list[str]) -> None:
    workspace = WorkspaceDirectory(path)
    for run_path in run_paths:
        touch(workspace.run("exp", os.path.basename(run_path)))
        assert len(Index(workspace).select()) == len(run_paths)


def test_many_processes_may_use_one_index(workspace: WorkspaceDirectory) -> None:
    paths = [make_run(workspace).path for _ in range(10)]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_list_and_touch, args=(workspace.path, paths)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_a_forked_child_uses_a_connection_of_its_own(
    workspace: WorkspaceDirectory, index: Index
) -> None:
    make_run(workspace)
    index.select()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if len(index.select()) == 1 else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    make_run(workspace)
    assert len(index.select()) == 2


def test_network_file_systems_are_recognised(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n"
        "/dev/sdb /home/local\\040disk xfs rw 0 0\nhost: /mnt/s fuse.sshfs rw 0 0\n"
    )
    assert on_network("/home/me/.runyard/index.db", str(mounts))
    assert on_network("/mnt/s/index.db", str(mounts))
    assert not on_network("/home/local disk/index.db", str(mounts))
    assert not on_network("/homes/index.db", str(mounts))
    assert not on_network("/x", str(tmp_path / "missing"))
