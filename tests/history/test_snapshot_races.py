"""Sources that change, writers that die and meet while a snapshot is stored."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from runyard.errors import SnapshotException
from runyard.history import blobs, snapshots
from runyard.history.blobs import BlobStore
from runyard.history.snapshots import SnapshotStore
from runyard.history.source_tree import SourceTree
from tests.history.helpers import nested_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return nested_source(tmp_path)


class Meddler:
    """Stands in for `file_key`: rewrites the file after the first look of each of ``tries``."""

    def __init__(self, path: Path, tries: int) -> None:
        self.path, self.tries, self.looks = path, tries, 0
        self.inode = path.stat().st_ino
        self.real: Callable[[os.stat_result], Any] = blobs.file_key

    def __call__(self, info: os.stat_result) -> Any:
        key = self.real(info)
        if info.st_ino == self.inode:
            self.looks += 1
            if self.looks % 2 and self.looks // 2 < self.tries:
                with self.path.open("r+b") as file:
                    file.write(b"%04d" % self.looks)
        return key


@pytest.fixture(autouse=True, params=["small", "large"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are stored two at a time first."""
    if request.param == "large":
        monkeypatch.setattr(snapshots, "_LARGE_BYTES", 0)


def assert_blobs_hash_to_their_names(workspace: Path) -> None:
    for path in (workspace / "blobs").glob("??/*"):
        assert blake3(path.read_bytes()).hexdigest() == path.name


@pytest.mark.parametrize("size", [4, 3 << 20])
def test_a_file_that_changes_while_read_is_read_again(
    source: Path, store: SnapshotStore, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source / "busy.log"
    path.write_bytes(b"0" * size)
    monkeypatch.setattr(blobs, "file_key", Meddler(path, tries=2))
    taken = store.take(source)
    (entry,) = [entry for entry in store.entries(taken.id) if entry.path == "busy.log"]
    assert entry.blob == blake3(path.read_bytes()).hexdigest()
    assert_blobs_hash_to_their_names(tmp_path / "ws")


@pytest.mark.parametrize("size", [4, 3 << 20])
def test_a_file_that_never_stops_changing_is_named(
    source: Path, store: SnapshotStore, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source / "busy.log"
    path.write_bytes(b"0" * size)
    monkeypatch.setattr(blobs, "file_key", Meddler(path, tries=99))
    with pytest.raises(SnapshotException, match=r"busy\.log changed while .*3 times.*\.amlignore"):
        store.take(source)
    assert_blobs_hash_to_their_names(tmp_path / "ws")
    assert not list((tmp_path / "ws").glob("blobs/tmp/*"))


def test_files_that_vanish_during_the_walk_or_before_they_are_read_are_not_in_it(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_sort_in, real_put = SourceTree._sort_in, BlobStore.put

    def sort_in(self: SourceTree, folder: Any, entry: Any, rules: Any) -> None:
        if entry.name == "two.py":
            os.unlink(entry.path)
        real_sort_in(self, folder, entry, rules)

    def put(self: BlobStore, path: str) -> Any:
        if path.endswith("four.py"):
            Path(path).unlink(missing_ok=True)
        return real_put(self, path)

    monkeypatch.setattr(SourceTree, "_sort_in", sort_in)
    monkeypatch.setattr(BlobStore, "put", put)
    taken = store.take(source)
    assert [entry.path for entry in store.entries(taken.id)] == ["a/b/one.py", "c", "three.py"]
    assert taken.files == 2
    assert store.take(source).id == taken.id


def test_a_folder_that_vanishes_during_the_walk_is_not_in_it(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_list = SourceTree._list

    def listed(self: SourceTree, visit: Any, key: Any) -> Any:
        folder = real_list(self, visit, key)
        if visit.prefix == "a/":
            (source / "a/b/one.py").unlink()
            (source / "a/b").rmdir()
        return folder

    monkeypatch.setattr(SourceTree, "_list", listed)
    paths = [entry.path for entry in store.entries(store.take(source).id)]
    assert paths == ["a/two.py", "c/four.py", "three.py"]


def test_a_killed_writer_leaves_no_blob_and_no_manifest(source: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from runyard.history.snapshots import SnapshotStore\n"
        "os.rename = lambda *_: os.kill(os.getpid(), 9)\n"
        "SnapshotStore(Path(sys.argv[2])).take(Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "ws")]
    assert subprocess.run(command).returncode == -9
    assert not list((tmp_path / "ws/blobs").glob("??/*"))
    assert not (tmp_path / "ws/snapshots").exists()
    (left,) = (tmp_path / "ws/blobs/tmp").iterdir()
    SnapshotStore(tmp_path / "ws").take(source)
    assert left.exists()  # its writer may still be at work
    os.utime(left, (0, 0))
    (source / "new.py").touch()
    SnapshotStore(tmp_path / "ws").take(source)
    assert not left.exists()


def test_concurrent_writers_of_one_tree_do_no_harm(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from runyard.history.snapshots import SnapshotStore\n"
        "sys.stdin.read()\n"
        "print(SnapshotStore(Path(sys.argv[2])).take(Path(sys.argv[1])).id)\n"
    )
    (source / "large.bin").write_bytes(os.urandom(8 << 20))
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "ws")]
    pipe = subprocess.PIPE
    writers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
        writer.stdin = None
    ids = {writer.communicate()[0].strip() for writer in writers}
    assert ids == {SnapshotStore(tmp_path / "ws2").take(source).id}
    assert_blobs_hash_to_their_names(tmp_path / "ws")
