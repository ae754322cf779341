"""The laws of stores, held by every kind of them over its real storage."""

from __future__ import annotations

import io
import os
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from runyard.data import transfers
from runyard.data.stores import failures
from runyard.data.stores.local import LocalStore
from runyard.data.stores.opening import open_store
from runyard.data.stores.store import Entry, Store
from runyard.data.transfers import PART
from runyard.errors import UserErrorException
from tests.azure_server import Azure
from tests.data.conftest import files_of, write
from tests.requirements import small_disk
from tests.s3_server import S3

KINDS = ("local", "s3", "azure", "memory", "sandboxed file")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A store of each kind, with three files."""
    kind = request.param
    if kind == "s3":
        s3: S3 = request.getfixturevalue("s3")
        made = open_store(f"{s3.bucket()}/below/it", s3.plain, s3.secrets)
    elif kind == "azure":
        azure: Azure = request.getfixturevalue("azure")
        made = open_store(f"{azure.container()}/below/it", azure.plain, azure.secrets)
    elif kind == "memory":
        made = open_store(f"memory://{uuid.uuid4().hex}")
    elif kind == "local":
        made = open_store(str(tmp_path / "store"))
    else:
        (tmp_path / "store").mkdir()
        made = open_store(f"local://{tmp_path}/store")
    source = write(tmp_path / "source", train__a="A", train__deep__b="BB", labels="", train="T")
    made.put((str(source / name), name) for name in files_of(source))
    return made


def paths(store: Store, prefix: str = "") -> list[str]:
    return [entry.path for entry in store.entries(prefix)]


def test_entries_are_in_the_order_of_their_paths(store: Store) -> None:
    assert paths(store) == ["labels.txt", "train.txt", "train/a.txt", "train/deep/b.txt"]
    assert paths(store, "train") == ["train/a.txt", "train/deep/b.txt"]
    assert paths(store, "train/a.txt") == ["train/a.txt"]
    assert paths(store, "tra") == paths(store, "no/such") == []
    assert [entry.size_bytes for entry in store.entries()] == [0, 1, 1, 2]


def test_an_entry_is_that_of_a_file_only(store: Store) -> None:
    found = store.entry("train/deep/b.txt")
    assert found == next(iter(store.entries("train/deep")))
    assert store.entry("train") is None
    assert store.entry("train/deep/c.txt") is None


def test_an_etag_is_another_one_when_the_content_is(store: Store, tmp_path: Path) -> None:
    before = store.entry("labels.txt")
    (tmp_path / "new").write_text("new")
    store.put([(str(tmp_path / "new"), "labels.txt")], overwrite=True)
    after = store.entry("labels.txt")
    assert before is not None
    assert after is not None
    assert before.etag
    assert before.etag != after.etag
    with pytest.raises(UserErrorException, match="do it again"):
        store.fetch([(before, str(tmp_path / "out"))])
    assert not (tmp_path / "out").exists()


def test_fetch_makes_folders_and_leaves_what_is_there(store: Store, tmp_path: Path) -> None:
    out = write(tmp_path / "out", labels="mine")
    told: list[tuple[str, bool]] = []
    wanted = [(entry, str(out / entry.path)) for entry in store.entries()]
    store.fetch(wanted, done=lambda entry, new: told.append((entry.path, new)))
    assert files_of(out) == {
        "labels.txt": "mine",
        "train/a.txt": "A",
        "train/deep/b.txt": "BB",
        "train.txt": "T",
    }
    assert sorted(told) == [
        ("labels.txt", False),
        ("train.txt", True),
        ("train/a.txt", True),
        ("train/deep/b.txt", True),
    ]
    store.fetch(wanted, overwrite=True)
    assert files_of(out)["labels.txt"] == ""
    assert not list(out.rglob(f"*{PART}"))


def test_put_leaves_what_is_there(store: Store, tmp_path: Path) -> None:
    new = write(tmp_path / "new", a="new", c="C")
    told: list[tuple[str, int, bool]] = []
    given = [(str(new / "a.txt"), "train/a.txt"), (str(new / "c.txt"), "c.txt")]
    store.put(given, done=lambda entry, new: told.append((entry.path, entry.size_bytes, new)))
    assert sorted(told) == [("c.txt", 1, True), ("train/a.txt", 1, False)]
    store.put(given, overwrite=True)
    store.fetch([(entry, str(tmp_path / "out" / entry.path)) for entry in store.entries("train")])
    assert (tmp_path / "out/train/a.txt").read_text() == "new"


def test_one_that_fails_does_not_keep_back_the_others(store: Store, tmp_path: Path) -> None:
    gone = Entry("gone.txt", 1, "x")
    wanted = [(gone, str(tmp_path / "out/gone.txt"))]
    wanted += [(entry, str(tmp_path / "out" / entry.path)) for entry in store.entries()]
    with pytest.raises(UserErrorException, match=r"gone\.txt'.* do it again|no such file"):
        store.fetch(wanted)
    assert len(files_of(tmp_path / "out")) == 4
    given = [(str(tmp_path / "no such"), "x"), (str(tmp_path / "out/labels.txt"), "y")]
    with pytest.raises(UserErrorException, match="no such"):
        store.put(given)
    assert paths(store, "y") == ["y"]
    assert paths(store, "x") == []


@pytest.mark.parametrize("name", ["ä ö.txt", "a%20b", "q?x=1&y#z", "plus+x", "'\""])
def test_names_come_back_as_they_were(store: Store, tmp_path: Path, name: str) -> None:
    comes_back(store, tmp_path, name)


def test_a_backslash_is_a_letter(s3: S3, tmp_path: Path) -> None:
    comes_back(open_store(s3.bucket(), s3.plain, s3.secrets), tmp_path, "\\")  # in Azure a '/'


def comes_back(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "f").write_text("content")
    store.put([(str(tmp_path / "f"), f"odd/{name}")])
    (found,) = store.entries("odd")
    assert found.path == f"odd/{name}"
    store.fetch([(found, str(tmp_path / "back"))])
    assert (tmp_path / "back").read_text() == "content"


def test_nothing_is_a_short_story(store: Store) -> None:
    store.fetch([])
    store.put([])


def test_a_name_that_object_storage_cannot_have(s3: S3, tmp_path: Path) -> None:
    store = open_store(s3.bucket(), s3.plain, s3.secrets)
    (tmp_path / "f").write_text("content")
    with pytest.raises(UserErrorException, match="give it a name that can be a path"):
        store.put([(str(tmp_path / "f"), "tab\tx")])


def test_parts_of_a_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("0123456789")
    store.put([(str(tmp_path / "f"), "f")])
    found = store.entry("f")
    assert found is not None
    if isinstance(store, LocalStore):
        with pytest.raises(UserErrorException, match="is not read in parts"):
            store.read(found, 0, 1)
        return
    assert [store.read(found, *part) for part in ((0, 4), (3, 4), (8, 100))] == [
        *(b"0123", b"3456", b"89")
    ]
    (tmp_path / "f").write_text("changed meanwhile")
    store.put([(str(tmp_path / "f"), "f")], overwrite=True)
    with pytest.raises(UserErrorException, match="changed while it was being read; do it again"):
        store.read(found, 0, 4)


@pytest.mark.parametrize("key", ["../out", "a//b", "a/../../out"])
def test_keys_that_are_no_paths(s3: S3, tmp_path: Path, key: str) -> None:
    bucket = s3.bucket(a="A")
    s3.put(bucket, key, "x")
    store = open_store(bucket, s3.plain, s3.secrets)
    with pytest.raises(UserErrorException, match=r"listing 's3:.*; give it a name that can be a"):
        list(store.entries())
    with pytest.raises(UserErrorException, match="; give it a name that can be a path"):
        store.fetch([(Entry(key, 1, ""), str(tmp_path / "in/x"))])
    assert not list(tmp_path.rglob("*.txt"))


def test_empty_objects_that_mean_folders_are_no_files(s3: S3, tmp_path: Path) -> None:
    bucket = s3.bucket(a__x="X", empty="")
    for key in ("a/", "alone/", "deep/er/"):
        s3.put(bucket, key, "")
    store = open_store(bucket, s3.plain, s3.secrets)
    assert paths(store) == ["a/x.txt", "empty.txt"]
    assert paths(store, "alone") == []


class Flaky(MemoryFileSystem):  # type: ignore[misc]
    """A file system of fsspec that fails."""

    protocol = "flaky"
    failing: ClassVar[list[Exception]] = []
    cut = False

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if self.failing:
            raise self.failing.pop()
        found = super()._open(path, mode, **more)
        return io.BytesIO(found.read()[:-1]) if Flaky.cut and "r" in mode else found


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    monkeypatch.setattr(failures, "_PAUSES_S", (0, 0, 0))
    monkeypatch.setattr(Flaky, "failing", [])
    store = open_store(f"flaky://{uuid.uuid4().hex}")
    (tmp_path / "f").write_text("content")
    store.put([(str(tmp_path / "f"), "f")])
    return store


def test_what_fails_over_fsspec_is_tried_again(flaky: Any, tmp_path: Path) -> None:
    (found,) = flaky.entries()
    Flaky.failing[:] = [OSError("broken pipe"), EOFError()]
    flaky.fetch([(found, str(tmp_path / "out"))])
    assert (tmp_path / "out").read_text() == "content"
    assert not Flaky.failing
    Flaky.failing[:] = [OSError("broken pipe")] * 9
    with pytest.raises(UserErrorException, match=r"fetching 'f' on 'flaky://.*: broken pipe; what"):
        flaky.fetch([(found, str(tmp_path / "no"))])
    assert len(Flaky.failing) == 5
    Flaky.failing[:] = [PermissionError(13, "not yours")]
    with pytest.raises(UserErrorException, match="not yours; what was copied before is there"):
        flaky.put([(str(tmp_path / "f"), "g")])
    assert not (tmp_path / "no").exists()
    assert not list(tmp_path.glob(f"*{PART}"))
    assert paths(flaky) == ["f"]


def test_half_a_file_over_fsspec_is_none(
    flaky: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flaky, "cut", True)
    with pytest.raises(UserErrorException, match="6 bytes of 7 came"):
        flaky.fetch([(entry, str(tmp_path / "out")) for entry in flaky.entries()])
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(f"*{PART}"))


def test_no_room_over_fsspec(flaky: Any, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3 << 20))
    flaky.put([(str(tmp_path / "big"), "big")])
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(UserErrorException, match="No space left on device; make room, or"):
            flaky.fetch([(entry, str(disk / entry.path)) for entry in flaky.entries("big")])
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_file_that_changes_under_the_copy_is_no_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(
        str(tmp_path / "store") if kind == "local" else f"memory://{uuid.uuid4().hex}"
    )
    old, new = (write(tmp_path / name, a=name) for name in ("old", "new"))
    store.put([(str(old / "a.txt"), "a.txt")])
    (entry,) = store.entries()
    read = transfers._fill if kind == "local" else failures.check_whole

    def changing(*given: Any) -> None:
        read(*given)
        store.put([(str(new / "a.txt"), "a.txt")], overwrite=True)

    if kind == "local":
        os.utime(new / "a.txt", (1, 1))
        monkeypatch.setattr(transfers, "_fill", _once(changing, read))
    else:
        monkeypatch.setattr(failures, "check_whole", _once(changing, read))
    with pytest.raises(UserErrorException, match="changed while it was being read"):
        store.fetch([(entry, str(tmp_path / "out" / "a.txt"))])
    assert files_of(tmp_path / "out") == {}


def _once(first: Any, then: Any) -> Any:
    """``first`` for the first call, ``then`` for those it makes and that follow."""
    left = [first]

    def call(*given: Any) -> Any:
        chosen = left.pop() if left else then
        return chosen(*given)

    return call


def test_storage_tells_when_a_file_changed(store: Store) -> None:
    for entry in store.entries():
        for found in (entry, store.entry(entry.path)):
            assert found == entry
            told = store.modified_s(found)
            if store.url.startswith("memory:"):  # which says when a file was made, and no more
                assert told is None
            else:
                assert told is not None
                assert abs(time.time() - told) < 60
