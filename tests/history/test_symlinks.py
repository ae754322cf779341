"""What becomes of symlinks in a snapshot."""

import os
from pathlib import Path

import pytest

from runyard.history.snapshots import Snapshot, SnapshotStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg/a.py").write_text("A = 1\n")
    (tmp_path / "outside/deep").mkdir(parents=True)
    (tmp_path / "outside/o.txt").write_text("out")
    (tmp_path / "outside/deep/d.txt").write_text("deep")
    return root


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "ws")


def take(store: SnapshotStore, source: Path) -> tuple[Snapshot, dict[str, tuple[str, str]]]:
    """The snapshot, and of each path its kind with the target of links."""
    taken = store.take(source)
    assert store.take(source).id == taken.id
    assert store.take(source).warnings == taken.warnings
    entries = store.entries(taken.id)
    return taken, {e.path: (e.kind, e.blob if e.kind == "l" else "") for e in entries}


@pytest.mark.parametrize("text", ["a.py", "./a.py", "../pkg/a.py", "../pkg"])
def test_a_relative_link_inside_is_kept_as_it_is(
    source: Path, store: SnapshotStore, text: str
) -> None:
    (source / "pkg/link").symlink_to(text)
    taken, found = take(store, source)
    assert found["pkg/link"] == ("l", text)
    assert taken.warnings == ()


def test_an_absolute_link_inside_becomes_relative(source: Path, store: SnapshotStore) -> None:
    (source / "x/y").mkdir(parents=True)
    (source / "x/y/link").symlink_to(source / "pkg/a.py")
    (source / "top").symlink_to(source)
    _, found = take(store, source)
    assert found["x/y/link"] == ("l", "../../pkg/a.py")
    assert found["top"] == ("l", ".")


def test_a_link_that_leaves_the_tree_and_comes_back_is_straightened(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "link").symlink_to("../source/pkg/a.py")
    _, found = take(store, source)
    assert found["link"] == ("l", "pkg/a.py")
    store.restore(store.take(source).id, tmp_path / "other name")
    assert (tmp_path / "other name/link").read_text() == "A = 1\n"


def test_a_link_to_a_file_outside_is_copied_in(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "o.txt").symlink_to("../outside/o.txt")
    before, found = take(store, source)
    assert found["o.txt"] == ("f", "")
    (tmp_path / "outside/o.txt").write_text("OUT")
    after = store.take(source)
    assert store.diff(before.id, after.id).changed == ("o.txt",)


def test_a_link_to_a_link_is_copied_in_where_it_leaves_the_tree(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "second").symlink_to(tmp_path / "outside/o.txt")
    (source / "first").symlink_to("second")
    _, found = take(store, source)
    assert (found["first"], found["second"]) == (("l", "second"), ("f", ""))


def test_a_link_to_a_folder_outside_is_followed_and_says_so(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "ext").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/own").symlink_to("deep/d.txt")
    (source / "through").symlink_to("ext/o.txt")
    taken, found = take(store, source)
    assert set(found) == {
        *("pkg/a.py", "through", "ext/o.txt", "ext/deep/d.txt", "ext/own"),
    }
    assert found["ext/own"] == ("l", "deep/d.txt")
    assert taken.warnings == ("symlink to a folder outside, its content is copied in: ext/",)
    before = taken.id
    (tmp_path / "outside/deep/new.txt").touch()
    assert store.diff(before, store.take(source).id).added == ("ext/deep/new.txt",)


@pytest.mark.parametrize("rule", ["ext", "ext/", "/ext", "*.txt\nown\n"])
def test_ignore_rules_hold_for_what_is_followed(
    source: Path, store: SnapshotStore, tmp_path: Path, rule: str
) -> None:
    (source / "ext").symlink_to(tmp_path / "outside")
    (source / ".gitignore").write_text(rule)
    _, found = take(store, source)
    assert not [path for path, (kind, _) in found.items() if path.startswith("ext") and kind == "f"]


def test_loops_through_folders_outside_are_left_out_with_a_warning(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (source / "ext").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/back").symlink_to(source)
    (tmp_path / "outside/deep/up").symlink_to("..")
    (source / "pkg/everything").symlink_to(tmp_path)
    taken, found = take(store, source)
    assert not [path for path in found if "back" in path or "everything" in path]
    assert found["ext/deep/up"] == ("l", "..")
    assert set(taken.warnings) == {
        "symlink to a folder outside, its content is copied in: ext/",
        "symlink left out, it leads back to where it lies: ext/back/",
        "symlink left out, it leads back to where it lies: pkg/everything/",
    }
    assert "ext/back/" in store.plan(source).skipped


@pytest.mark.parametrize("text", ["nowhere", "../nowhere", "/nowhere/at/all", "self"])
def test_a_link_that_leads_nowhere_is_kept_with_a_warning(
    source: Path, store: SnapshotStore, text: str
) -> None:
    (source / "self").symlink_to(text)
    taken, found = take(store, source)
    assert found["self"] == ("l", text)
    assert taken.warnings == (f"symlink leads nowhere: self -> {text}",)


def test_a_link_to_what_is_left_out_is_warned_of(source: Path, store: SnapshotStore) -> None:
    (source / "data").mkdir()
    (source / "data/x.csv").touch()
    (source / "x").symlink_to("data/x.csv")
    (source / ".gitignore").write_text("data/\n")
    taken, found = take(store, source)
    assert found["x"] == ("l", "data/x.csv")
    assert taken.warnings == ("symlink leads to what is left out: x -> data/x.csv",)


def test_a_link_to_a_device_is_left_out_with_a_warning(source: Path, store: SnapshotStore) -> None:
    (source / "null").symlink_to(os.devnull)
    taken, found = take(store, source)
    assert set(found) == {"pkg/a.py"}
    assert taken.warnings == ("device left out: null",)


def test_a_source_that_is_itself_a_link_is_its_target(
    source: Path, store: SnapshotStore, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(source)
    assert store.take(tmp_path / "alias").id == store.take(source).id
