"""Snapshots: what they hold, what they promise, what they refuse."""

import os
import shutil
import stat
import threading
import zipfile
from pathlib import Path

import pytest
from blake3 import blake3

from runyard.errors import SnapshotException, UserErrorException
from runyard.history import snapshots
from runyard.history.blobs import BlobStore, Stored
from runyard.history.snapshots import SnapshotStore


def kinds(store: SnapshotStore, snapshot_id: str) -> dict[str, str]:
    return {entry.path: entry.kind for entry in store.entries(snapshot_id)}


def state(root: Path) -> dict[str, tuple[int, int, int]]:
    """Everything a write below ``root`` would change."""
    found = {}
    for path in [root, *root.rglob("*")]:
        info = path.lstat()
        found[str(path)] = (info.st_mode, info.st_mtime_ns, info.st_ctime_ns)
    return found


def blob_files(workspace: Path) -> list[Path]:
    return [path for path in (workspace / "blobs").glob("??/*") if path.is_file()]


def assert_blobs_are_whole(workspace: Path) -> None:
    for path in blob_files(workspace):
        assert blake3(path.read_bytes()).hexdigest() == path.name
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


# --- what a snapshot is -------------------------------------------------------------------------


def test_what_was_planned_is_taken_without_another_walk(
    store: SnapshotStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = store.plan(source)
    (source / "too_late.py").write_text("late = True")
    with monkeypatch.context() as walks:
        walks.setattr("runyard.history.snapshots.SourceTree", None)
        taken = store.take(source, planned=plan)
    assert taken.files == plan.files
    later = store.take(source)
    assert later.files == plan.files + 1
    assert store.take(source, planned=store.plan(source)).id == later.id


def test_large_files_are_stored_two_at_a_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = SnapshotStore(tmp_path / "one")
    expected = one_by_one.take(source)
    monkeypatch.setattr(snapshots, "_LARGE_BYTES", 0)
    threads, put = set(), BlobStore.put

    def noted(self: BlobStore, path: str) -> Stored:
        threads.add(threading.current_thread().name)
        return put(self, path)

    monkeypatch.setattr(BlobStore, "put", noted)
    store = SnapshotStore(tmp_path / "two")
    assert store.take(source) == expected
    assert threads
    assert "MainThread" not in threads
    assert_blobs_are_whole(tmp_path / "two")


def test_an_unchanged_tree_has_the_same_id_wherever_it_lies(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    shutil.copytree(source, tmp_path / "elsewhere/copy")
    first = store.take(source)
    assert store.take(source).id == first.id
    assert SnapshotStore(tmp_path / "ws2").take(tmp_path / "elsewhere/copy").id == first.id
    assert len(first.id) == 32


@pytest.mark.parametrize("change", ["content", "name", "exec bit", "empty folder", "link"])
def test_every_change_that_a_script_can_see_changes_the_id(
    source: Path, store: SnapshotStore, change: str
) -> None:
    before = store.take(source)
    if change == "content":
        (source / "train.py").write_text("print('HELLO')\n")
    elif change == "name":
        (source / "pkg/a.py").rename(source / "pkg/b.py")
    elif change == "exec bit":
        (source / "train.py").chmod(0o755)
    elif change == "empty folder":
        (source / "new").mkdir()
    else:
        (source / "new").symlink_to("train.py")
    assert store.take(source).id != before.id


def test_manifest_is_sorted_json_with_one_row_per_path(source: Path, store: SnapshotStore) -> None:
    (source / "train.py").chmod(0o755)
    (source / "pkg/a.py").chmod(0o640)
    (source / "empty").mkdir(mode=0o755)
    (source / "link").symlink_to("train.py")
    taken = store.take(source)
    hashes = {n: blake3((source / n).read_bytes()).hexdigest() for n in ("train.py", "pkg/a.py")}
    assert store.manifest_path(taken.id).read_text() == (
        '{"format":1,"entries":[["empty","d",493,"",0],["link","l",511,"train.py",0],'
        f'["pkg/a.py","f",416,"{hashes["pkg/a.py"]}",6],'
        f'["train.py","f",493,"{hashes["train.py"]}",15]]}}'
    )
    assert (taken.files, taken.size_bytes, taken.reused_files) == (2, 21, 0)


def test_blobs_are_read_only_and_hash_to_their_names(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "large.bin").write_bytes(os.urandom(3 << 20))
    (source / "same.py").write_text("A = 1\n")
    previous = os.umask(0o077)
    try:
        store.take(source)
    finally:
        os.umask(previous)
    assert_blobs_are_whole(tmp_path / "ws")
    assert len(blob_files(tmp_path / "ws")) == 3
    assert list((tmp_path / "ws/blobs/tmp").iterdir()) == []


def test_names_that_are_not_utf8_come_back_as_they_were(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    odd = os.fsencode(source) + b"/\xff\xe9.txt"
    Path(os.fsdecode(odd)).write_text("odd")
    os.mkdir(os.fsencode(source) + b"/caf\xe9")
    os.symlink(b"\xff\xe9.txt", os.fsencode(source) + b"/\xfelink")
    taken = store.take(source)
    assert store.take(source).id == taken.id
    store.restore(taken.id, tmp_path / "out")
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(
        os.listdir(os.fsencode(source))
    )
    assert os.readlink(os.fsencode(tmp_path / "out") + b"/\xfelink") == b"\xff\xe9.txt"
    with zipfile.ZipFile(store.archive(taken.id, tmp_path / "s.zip")) as archive:
        assert "\\xff\\xe9.txt" in archive.namelist()


def test_empty_folders_are_kept_and_so_are_folders_with_nothing_left_in(
    source: Path, store: SnapshotStore
) -> None:
    (source / "empty/deep").mkdir(parents=True)
    (source / "data").mkdir()
    (source / "data/big.csv").touch()
    (source / "cached/__pycache__").mkdir(parents=True)
    (source / "envs/venv").mkdir(parents=True)
    (source / "envs/venv/pyvenv.cfg").touch()
    (source / ".amlignore").write_text("*.csv\n")
    found = kinds(store, store.take(source).id)
    folders = {path for path, kind in found.items() if kind == "d"}
    assert folders == {"empty/deep", "data", "cached", "envs"}


def test_the_source_is_never_written_to(source: Path, store: SnapshotStore) -> None:
    for folder in (source / "pkg", source):
        folder.chmod(0o555)
    before = state(source)
    store.plan(source)
    store.take(source)
    assert state(source) == before


def test_a_plan_writes_nothing(source: Path, store: SnapshotStore, tmp_path: Path) -> None:
    (source / "big.bin").write_bytes(b"x" * 5000)
    (source / "data").mkdir()
    (source / ".gitignore").write_text("data/\n*.log\n")
    (source / "a.log").touch()
    plan = store.plan(source)
    assert not (tmp_path / "ws").exists()
    assert (plan.files, plan.skipped, plan.warnings) == (4, ("a.log", "data/"), ())
    assert plan.largest[:2] == (("big.bin", 5000), ("train.py", 15))
    taken = store.take(source)
    assert (taken.files, taken.size_bytes) == (plan.files, plan.size_bytes)


def test_skipped_names_the_first_thousand(source: Path, store: SnapshotStore) -> None:
    for number in range(1100):
        (source / f"{number:04}.log").touch()
    (source / ".gitignore").write_text("*.log\n")
    skipped = store.plan(source).skipped
    assert (len(skipped), skipped[0], skipped[-1]) == (1000, "0000.log", "0999.log")


# --- what comes back ----------------------------------------------------------------------------


def test_restore_gives_back_content_modes_links_and_folders(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "train.py").chmod(0o755)
    (source / "pkg/a.py").chmod(0o444)
    (source / "link").symlink_to("pkg/a.py")
    (source / "empty").mkdir()
    out = tmp_path / "new/out"
    store.restore(store.take(source).id, out)
    assert (out / "train.py").read_text() == "print('hello')\n"
    assert stat.S_IMODE((out / "train.py").stat().st_mode) == 0o755
    assert stat.S_IMODE((out / "pkg/a.py").stat().st_mode) == 0o644
    assert os.readlink(out / "link") == "pkg/a.py"
    assert (out / "empty").is_dir()
    with pytest.raises(UserErrorException, match="is not an empty folder; choose another"):
        store.restore(store.take(source).id, out)


def test_archive_is_a_zip_with_modes_and_links(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "train.py").chmod(0o755)
    (source / "link").symlink_to("pkg/a.py")
    (source / "empty").mkdir(mode=0o755)
    taken = store.take(source)
    path = store.archive(taken.id, tmp_path / "s.zip")
    first = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        assert archive.read("pkg/a.py") == b"A = 1\n"
        assert archive.read("link") == b"pkg/a.py"
    assert modes["train.py"] == stat.S_IFREG | 0o755
    assert stat.S_ISLNK(modes["link"])
    assert stat.S_ISDIR(modes["empty/"])
    assert store.archive(taken.id, path).read_bytes() == first


def test_diff_names_added_removed_and_changed_paths(source: Path, store: SnapshotStore) -> None:
    before = store.take(source)
    (source / "train.py").write_text("new")
    (source / "pkg/a.py").unlink()
    (source / "b.py").touch()
    diff = store.diff(before.id, store.take(source).id)
    assert (diff.added, diff.removed) == (("b.py", "pkg"), ("pkg/a.py",))
    assert diff.changed == ("train.py",)


@pytest.mark.parametrize(
    ("snapshot_id", "text"),
    [("0" * 32, "There is no snapshot 0+ in the workspace"), ("../x", "is not a snapshot id")],
)
def test_unknown_snapshots_are_refused(store: SnapshotStore, snapshot_id: str, text: str) -> None:
    with pytest.raises(SnapshotException, match=text):
        store.entries(snapshot_id)


def test_a_manifest_of_a_newer_format_is_refused(source: Path, store: SnapshotStore) -> None:
    taken = store.take(source)
    store.manifest_path(taken.id).write_text('{"format": 2}')
    with pytest.raises(SnapshotException, match=r"format 2; .*reads format 1\. Upgrade runyard"):
        store.entries(taken.id)
