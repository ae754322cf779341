"""The stat cache: what it saves, and that no change hides behind it; stores that are damaged."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import SnapshotException
from runyard.history.blobs import BlobStore
from runyard.history.snapshots import SnapshotStore
from tests.history.helpers import nested_source


def later_ns() -> int:
    """A clock ahead of every file of the test: none of them is racy."""
    return time.time_ns() + 60_000_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return nested_source(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "ws", clock_ns=later_ns)


def fresh_id(source: Path, folder: Path) -> str:
    """What a store without any cache says."""
    return SnapshotStore(folder).take(source).id


def test_an_unchanged_tree_is_not_read_again(
    source: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.take(source)

    def put(self: BlobStore, path: str) -> Any:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(BlobStore, "put", put)
    monkeypatch.setattr(os, "scandir", put)
    again = store.take(source)
    assert (first.reused_files, again.reused_files, again.id) == (0, 4, first.id)
    assert store.plan(source).files == 4


def test_what_the_cache_tells_already_is_not_saved_again(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    """A tree that has just changed is read each time, by a sweep of runs for instance."""
    newest_ns = max(path.stat().st_ctime_ns for path in source.rglob("*"))
    young = SnapshotStore(tmp_path / "ws", clock_ns=newest_ns.__int__)
    taken = young.take(source)
    (cache,) = (tmp_path / "ws/cache").glob("stat-*")
    saved = cache.stat().st_mtime_ns, cache.stat().st_ino
    assert (young.take(source).id, young.take(source).reused_files) == (taken.id, 0)
    assert (cache.stat().st_mtime_ns, cache.stat().st_ino) == saved
    assert store.take(source).id == taken.id  # later: nothing is racy any more
    assert cache.stat().st_ino != saved[1]
    assert store.take(source).reused_files == 4


def test_only_what_changed_is_read_again(source: Path, store: SnapshotStore) -> None:
    store.take(source)
    (source / "a/two.py").write_text("changed")
    assert store.take(source).reused_files == 3
    (source / "a/new.py").write_text("new")
    assert store.take(source).reused_files == 4
    (source / "a/new.py").rename(source / "c/new.py")
    assert store.take(source).reused_files == 4


def test_a_file_younger_than_two_seconds_is_read_again(source: Path, tmp_path: Path) -> None:
    newest_ns = max(path.stat().st_ctime_ns for path in source.rglob("*"))
    for age_s, reused in ((1, 0), (3, 4)):
        clock_ns = (newest_ns + age_s * 1_000_000_000).__int__
        store = SnapshotStore(tmp_path / f"ws{age_s}", clock_ns=clock_ns)
        assert [store.take(source).reused_files for _ in range(2)] == [0, reused]


def test_same_size_and_restored_mtime_do_not_hide_a_change(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    before = store.take(source)
    path = source / "three.py"
    info = path.stat()
    path.write_text(path.read_text().swapcase())
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert store.take(source).id == fresh_id(source, tmp_path / "ws2") != before.id


def change_parent_rules(source: Path) -> None:
    (source.parent / ".gitignore").write_text("two.py\n")


def add_nested_rules(source: Path) -> None:
    (source / "a/.gitignore").write_text("*\n")


def replace_rules(source: Path) -> None:
    (source / ".amlignore").write_text("a/b\n")


def mark_as_venv(source: Path) -> None:
    (source / "a/pyvenv.cfg").touch()


def change_mode(source: Path) -> None:
    (source / "a/b/one.py").chmod(0o755)


def become_a_link(source: Path) -> None:
    (source / "a/two.py").unlink()
    (source / "a/two.py").symlink_to("b/one.py")


def lose_a_folder(source: Path) -> None:
    (source / "a/b/one.py").unlink()
    (source / "a/b").rmdir()


@pytest.mark.parametrize(
    "change",
    [
        *(change_parent_rules, add_nested_rules, replace_rules, mark_as_venv),
        *(change_mode, become_a_link, lose_a_folder),
    ],
)
def test_a_change_of_rules_or_kind_is_seen_through_the_cache(
    source: Path, store: SnapshotStore, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    (source.parent / ".git").mkdir()
    before = store.take(source)
    change(source)
    after = store.take(source)
    assert after.id == fresh_id(source, tmp_path / "ws2") != before.id
    assert store.take(source).id == after.id


@pytest.mark.parametrize("seed", range(4))
def test_a_snapshot_by_cache_is_the_snapshot_of_a_fresh_store(
    source: Path, store: SnapshotStore, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    for step in range(15):
        mutate(source, dice)
        taken = store.take(source)
        assert taken.id == fresh_id(source, tmp_path / f"fresh{step}")
        assert store.plan(source).files == taken.files


def mutate(root: Path, dice: random.Random) -> None:
    folders = [root, *(p for p in root.rglob("*") if p.is_dir() and not p.is_symlink())]
    target = dice.choice(folders) / dice.choice(("x.py", "y.txt", "z", ".gitignore", "pyvenv.cfg"))
    files = [p for p in root.rglob("*") if p.is_file() or p.is_symlink()]
    match dice.randrange(7):
        case 0 | 1 if not target.is_dir():
            target.unlink(missing_ok=True)
            target.write_text(dice.choice(("*.txt\n", "!*\n", "z\n", "/x.py\nb/\n")))
        case 2 if files:
            dice.choice(files).unlink()
        case 3 if not target.exists() and not target.is_symlink():
            target.mkdir()
        case 4 if files:
            os.replace(dice.choice(files), dice.choice(folders) / "moved")
        case 5 if not target.exists() and not target.is_symlink():
            target.symlink_to(dice.choice(("x.py", "..", str(root / "three.py"), "/etc/hostname")))
        case 6 if files:
            path = dice.choice(files)
            if not path.is_symlink():
                path.chmod(dice.choice((0o600, 0o644, 0o755)))


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut short", "one bit", "other boot"])
def test_a_damaged_cache_is_ignored(
    source: Path, store: SnapshotStore, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.take(source)
    (cache,) = (tmp_path / "ws/cache").iterdir()
    content = cache.read_bytes()
    if damage == "other boot":
        monkeypatch.setattr("runyard.history.stat_cache._boot_id", lambda: "later")
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        texts = {"garbage": b"x" * 99, "empty": b"", "cut short": content[:-9], "one bit": flipped}
        cache.write_bytes(texts[damage])
    again = store.take(source)
    assert (again.id, again.reused_files) == (before.id, 0)


def test_a_cache_that_cannot_be_written_does_not_fail_the_snapshot(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/cache").write_text("not a folder")
    assert store.take(source).files == 4


def test_a_lost_manifest_and_lost_blobs_are_stored_again(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    taken = store.take(source)
    store.manifest_path(taken.id).unlink()
    for path in (tmp_path / "ws/blobs").glob("??/*"):
        path.unlink()
    assert store.take(source).id == taken.id
    store.restore(taken.id, tmp_path / "out")
    assert (tmp_path / "out/three.py").read_text() == "NAME = 'three.py'\n"


def test_what_a_power_loss_cut_short_is_written_again(source: Path, tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "ws", clock_ns=lambda: 0)  # all is racy: read each time
    taken = store.take(source)
    for path in (tmp_path / "ws/blobs").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"")
    with pytest.raises(
        SnapshotException, match=r"damaged content of 'a/b/one.py'.*verify --repair"
    ):
        store.restore(taken.id, tmp_path / "broken")
    store.manifest_path(taken.id).write_bytes(b"")
    store.take(source)
    store.restore(taken.id, tmp_path / "out")
    assert (tmp_path / "out/three.py").read_text() == "NAME = 'three.py'\n"
