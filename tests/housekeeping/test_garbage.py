"""What of the snapshot store goes, and what stays."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.errors import SnapshotException, WorkspaceException
from runyard.history import store_lock
from runyard.history.garbage import StoreGarbage
from runyard.history.references import References
from runyard.history.snapshots import SnapshotStore
from runyard.history.workspace import Workspace
from runyard.job.run import Run as JobRun
from runyard.record import creation
from runyard.record.layout import WorkspaceDirectory
from runyard.record.notes import NoteWriter
from tests.housekeeping import stores


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return Workspace.create("store", path=tmp_path / "ws").directory


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Three source folders; all have one file in common."""
    found = []
    for name in ("one", "two", "three"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.py").write_text(f"print('{name}')\n")
        (folder / "common.py").write_text("COMMON = 1\n")
        found.append(folder)
    return found


def test_a_snapshot_goes_with_its_last_run_and_takes_what_only_it_had(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    kept, gone = (stores.recorded(workspace, source) for source in sources[:2])
    stores.remove(gone)
    stores.grow_old(workspace)

    found = StoreGarbage(workspace).find()
    assert [(group.kind, group.count) for group in found] == [("snapshots", 1), ("blobs", 1)]
    assert len(stores.contents(workspace)) == 3  # nothing was removed yet

    removed = StoreGarbage(workspace).remove()
    assert [(g.count, g.size_bytes) for g in removed] == [(g.count, g.size_bytes) for g in found]
    assert len(stores.snapshots(workspace)) == 1
    assert stores.contents(workspace) == {b"print('one')\n", b"COMMON = 1\n"}
    assert os.path.isdir(kept.path)


def test_what_is_young_stays(workspace: WorkspaceDirectory, sources: list[Path]) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    assert [group.count for group in StoreGarbage(workspace).remove()] == [0, 0]
    assert len(stores.snapshots(workspace)) == 1


def test_a_snapshot_that_is_taken_again_is_young(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace)
    SnapshotStore(Path(workspace.path)).take(
        sources[0]
    )  # as a script does, whose run says so later
    assert [group.count for group in StoreGarbage(workspace).remove()] == [0, 0]


def test_what_was_planned_before_is_looked_at_again_afterwards(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace)
    store = SnapshotStore(Path(workspace.path))
    plan = store.plan(sources[0])  # knows from the stat cache that all is stored
    StoreGarbage(workspace).remove()
    assert not stores.contents(workspace)
    store.restore(store.take(sources[0], planned=plan).id, sources[0].parent / "copy")
    assert (sources[0].parent / "copy/train.py").read_text() == "print('one')\n"


def test_a_part_of_the_source_that_is_known_is_stored_again(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace)
    store = SnapshotStore(Path(workspace.path))
    (sources[0] / "new.py").write_text("NEW = 1\n")
    plan = store.plan(sources[0])
    StoreGarbage(workspace).remove()
    store.restore(store.take(sources[0], planned=plan).id, sources[0].parent / "copy")
    assert len(list((sources[0].parent / "copy").iterdir())) == 3


def test_a_snapshot_that_a_script_has_taken_is_one_that_a_run_refers_to(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    run = creation.create_run(workspace, "exp", {"type": "x", "snapshot": None})
    snapshot = SnapshotStore(Path(workspace.path)).take(sources[0]).id
    NoteWriter(run).write("property", "ContentSnapshotId", snapshot)
    stores.grow_old(workspace)
    assert [group.count for group in StoreGarbage(workspace, 0).remove()] == [0, 0]


def test_a_snapshot_that_a_script_notes_while_gc_is_at_work_stays(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    run = creation.create_run(workspace, "exp", {"type": "x", "snapshot": None})
    other = creation.create_run(workspace, "exp", {"type": "x", "snapshot": None})
    references = References(workspace)
    references.refresh()
    assert references.ids == set()
    NoteWriter(run).write("property", "ContentSnapshotId", "1" * 32)
    references.refresh()
    assert references.ids == {"1" * 32}
    NoteWriter(other).write("property", "ContentSnapshotId", "2" * 32)
    references.refresh()
    assert references.ids == {"1" * 32, "2" * 32}


def test_what_a_script_stores_stays_until_it_has_noted_it(
    workspace: WorkspaceDirectory, sources: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_PYTHON", sys.executable)
    run = JobRun(creation.create_run(workspace, "exp", {"type": "x", "snapshot": None}))
    note = run.add_properties

    def slowly(properties: dict[str, str]) -> None:
        with pytest.raises(WorkspaceException, match="a process that submits runs"):
            store_lock.alone(workspace.path, 0.0)
        note(properties)

    monkeypatch.setattr(run, "add_properties", slowly)
    snapshot = run.take_snapshot(str(sources[0]))
    assert [group.count for group in StoreGarbage(workspace, -1).remove()] == [0, 0]
    assert stores.snapshots(workspace) == {snapshot}


@pytest.mark.parametrize("content", ['{"snapshot": ', '{"format": 99, "source": {"id": "x"}}'])
def test_beside_a_run_that_cannot_be_read_no_snapshot_goes(
    workspace: WorkspaceDirectory, sources: list[Path], content: str
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    damaged = stores.recorded(workspace, sources[1], "broken")
    Path(damaged.run_json).write_text(content)
    stores.grow_old(workspace)
    snapshots, blobs = StoreGarbage(workspace).remove()
    assert snapshots.count == blobs.count == 0
    (why,) = snapshots.kept
    assert why.startswith("run broken cannot be read (ValueError: ")
    assert why.endswith(
        "so which snapshot it has is not known. Put a copy of its files back, or remove its "
        f"folder {damaged.path}"
    )


def test_beside_a_snapshot_that_cannot_be_read_or_found_no_content_goes(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    run = stores.recorded(workspace, sources[0])
    gone = stores.recorded(workspace, sources[1])
    stores.remove(gone)
    stores.grow_old(workspace)
    manifest = next(
        path
        for path in Path(workspace.path, "snapshots").iterdir()
        if path.stem in _snapshot(run.run_json)
    )
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:20])
    snapshots, blobs = StoreGarbage(workspace).find()
    assert (snapshots.count, blobs.count) == (1, 0)
    assert blobs.kept[0].startswith(
        f"the snapshot {manifest.name} cannot be read (SnapshotException: The list of files of a "
    )
    manifest.unlink()
    _, blobs = StoreGarbage(workspace).remove()
    assert blobs.kept == [
        f"the snapshot {manifest.stem}, to which a run refers, is not there, so which contents it "
        "has is not known; put a copy of it back, or remove its run. See: runyard verify"
    ]
    assert len(stores.contents(workspace)) == 3


def _snapshot(run_json: str) -> str:
    return Path(run_json).read_text()


def test_without_the_folder_of_runs_nothing_goes(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    run = stores.recorded(workspace, sources[0])
    stores.grow_old(workspace)
    os.rename(workspace.runs, workspace.runs + ".elsewhere")
    with pytest.raises(WorkspaceException) as refused:
        StoreGarbage(workspace).remove()
    assert refused.value.message == (
        f"there is no folder {workspace.runs}, so what refers to the snapshots is not known. If "
        f"all runs are gone for good, make it: mkdir {workspace.runs}"
    )
    os.rename(workspace.runs + ".elsewhere", workspace.runs)
    folder = os.path.dirname(run.path)
    os.rename(folder, folder + "-moved")
    os.symlink("/nowhere", folder)  # an experiment on a disk that is not mounted now
    os.rename(folder + "-moved", workspace.path + "-moved")
    snapshots, blobs = StoreGarbage(workspace).remove()
    assert (snapshots.count, blobs.count, len(snapshots.kept)) == (0, 0, 1)


@pytest.mark.parametrize("name", ["snapshots", "blobs", "runs"])
def test_what_lies_behind_a_link_is_not_removed(
    workspace: WorkspaceDirectory, sources: list[Path], name: str, tmp_path: Path
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace)
    place = Path(workspace.path, name)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceException) as refused:
        StoreGarbage(workspace).remove()
    assert refused.value.message == (
        f"{place} is a link; what lies behind links is not removed. Give the folder itself a "
        "place in the workspace, such as by a bind mount"
    )


def test_a_prefix_of_blobs_that_is_a_link_is_left_alone(
    workspace: WorkspaceDirectory, sources: list[Path], tmp_path: Path
) -> None:
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace)
    prefix = next(path for path in Path(workspace.blobs).iterdir() if len(path.name) == 2)
    (blob,) = prefix.iterdir()
    prefix.rename(tmp_path / "elsewhere")
    prefix.symlink_to(tmp_path / "elsewhere")
    StoreGarbage(workspace).remove()
    assert (tmp_path / "elsewhere" / blob.name).exists()


def test_submissions_wait_for_milliseconds_and_say_who_keeps_them_for_longer(
    workspace: WorkspaceDirectory,
) -> None:
    with store_lock.alone(workspace.path, 1.0) as hold:
        hold.raise_generation()
        begun = time.monotonic()
        with pytest.raises(SnapshotException) as refused:
            store_lock.shared(workspace.path, 0.05)
        assert 0.05 <= time.monotonic() - begun < 60
    assert refused.value.message == (
        f"the snapshots of {workspace.path!r} are locked for 0 s by `runyard gc` (process "
        f"{os.getpid()} on {os.uname().nodename}), which should take milliseconds. If it is "
        "stopped, continue it (kill -CONT) or end it, and submit again."
    )
    store_lock.shared(workspace.path).release()


def test_gc_gives_up_where_a_submission_does_not_end(workspace: WorkspaceDirectory) -> None:
    with (
        store_lock.shared(workspace.path),
        pytest.raises(WorkspaceException) as refused,
    ):
        store_lock.alone(workspace.path, 0.05)
    assert refused.value.message == (
        f"a process that submits runs to {workspace.path!r} has been at it for 0 s, so nothing "
        "could be removed from its snapshots; run the command again later"
    )


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        yield


def test_on_a_network_file_system_which_locks_alone_only_what_is_open_for_writing(
    workspace: WorkspaceDirectory, sources: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def of_nfs(fd: int, how: int) -> None:
        written = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if how & fcntl.LOCK_EX and not written:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    stores.remove(stores.recorded(workspace, sources[0]))
    assert [group.count for group in StoreGarbage(workspace, -1).remove()] == [1, 2]


@pytest.mark.usefixtures("without_locks")
def test_without_locks_what_changed_in_the_last_hour_stays(
    workspace: WorkspaceDirectory, sources: list[Path]
) -> None:
    with store_lock.shared(workspace.path) as hold:
        assert not hold.locked
    stores.remove(stores.recorded(workspace, sources[0]))
    stores.grow_old(workspace, hours=0.5)
    assert [group.count for group in StoreGarbage(workspace, 0).remove()] == [0, 0]
    stores.grow_old(workspace, hours=1.5)
    assert [group.count for group in StoreGarbage(workspace, 0).remove()] == [1, 2]
