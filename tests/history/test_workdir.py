"""The working copy of a snapshot: laid out apart from the store, tidied without loss."""

import ast
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from runyard.errors import SnapshotException
from runyard.history.snapshots import SnapshotStore
from runyard.record import workdir
from runyard.record.workdir import materialise, remove_unchanged

LARGE = bytes(range(256)) * 2048  # 512 KiB: over what is copied in one piece
SRC = Path(workdir.__file__).parents[2]


class Copy:
    """A source, its snapshot and a working copy of it."""

    def __init__(self, folder: Path) -> None:
        source = folder / "source"
        (source / "pkg/deep").mkdir(parents=True)
        (source / "empty").mkdir()
        (source / "outputs").mkdir()
        (source / "train.py").write_text("print(1)\n")
        (source / "pkg/deep/large.bin").write_bytes(LARGE)
        (source / "pkg/tool.sh").write_text("#!/bin/sh\n")
        (source / "pkg/tool.sh").chmod(0o555)
        (source / "link").symlink_to("pkg/tool.sh")
        (source / "outputs/old.txt").write_text("old\n")
        self.store = SnapshotStore(folder / "ws")
        self.id = self.store.take(source).id
        self.manifest = str(self.store.manifest_path(self.id))
        self.blobs = str(folder / "ws/blobs")
        self.work = folder / "work"
        self.work.mkdir()

    def materialise(self) -> None:
        materialise(self.manifest, self.blobs, str(self.work))

    def tidy(self) -> set[str]:
        """Remove what is unchanged; the relative paths left."""
        remove_unchanged(self.manifest, self.blobs, str(self.work))
        return {str(path.relative_to(self.work)) for path in self.work.rglob("*")}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    made = Copy(tmp_path)
    made.materialise()
    return made


OUTPUTS = {"outputs", "outputs/old.txt"}


def test_a_working_copy_has_content_modes_links_and_folders(copy: Copy) -> None:
    assert (copy.work / "pkg/deep/large.bin").read_bytes() == LARGE
    assert (copy.work / "pkg/tool.sh").stat().st_mode & 0o777 == 0o755
    assert os.readlink(copy.work / "link") == "pkg/tool.sh"
    assert (copy.work / "empty").is_dir()


def test_writing_to_the_working_copy_never_reaches_the_store(copy: Copy) -> None:
    for path in copy.work.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.stat().st_nlink == 1
            with path.open("r+b") as file:
                file.write(b"SPOILT")
            path.chmod(0o777)
    blobs = [path for path in Path(copy.blobs).glob("??/*") if path.is_file()]
    assert len(blobs) == 4
    for path in blobs:
        assert blake3(path.read_bytes()).hexdigest() == path.name
        assert path.stat().st_mode & 0o777 == 0o444


def refuse(source: int, target: int, size: int) -> None:
    os.write(target, b"half")
    raise OSError(errno.EOPNOTSUPP, "not here")


def lacking(source: int, target: int, size: int) -> None:
    raise AttributeError("copy_file_range")


@pytest.mark.parametrize(
    "ways", [[], [workdir._copy_range], [workdir._send_file], [refuse, lacking, refuse]]
)
def test_every_way_of_copying_gives_the_same_bytes(
    tmp_path: Path, ways: list[Callable[[int, int, int], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Copy(tmp_path)
    real = workdir._Copier.__init__

    def init(self: workdir._Copier, blobs_dir: bytes) -> None:
        real(self, blobs_dir)
        self._ways = [*ways]

    monkeypatch.setattr(workdir._Copier, "__init__", init)
    copy.materialise()
    assert (copy.work / "pkg/deep/large.bin").read_bytes() == LARGE


def test_a_full_disk_is_not_taken_for_a_missing_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: int, target: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workdir, "_clone", full)
    with pytest.raises(OSError, match="No space left"):
        Copy(tmp_path).materialise()


def test_lost_and_damaged_blobs_are_named(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    (blob,) = [p for p in Path(copy.blobs).glob("??/*") if p.stat().st_size == len(LARGE)]
    blob.unlink()
    with pytest.raises(SnapshotException, match=r"lost the content of 'pkg/deep/large\.bin'"):
        copy.materialise()


def test_an_untouched_copy_is_removed_but_for_outputs(copy: Copy) -> None:
    assert copy.tidy() == OUTPUTS


def test_nothing_of_the_users_is_thrown_away(copy: Copy) -> None:
    (copy.work / "train.py").write_text("print(2)\n")  # the same size
    (copy.work / "pkg/new.txt").write_text("new")
    (copy.work / "empty/made.txt").touch()
    (copy.work / "logs").mkdir()
    (copy.work / "logs/a.log").touch()
    (copy.work / "link").unlink()
    (copy.work / "link").symlink_to("train.py")
    written = {"train.py", "pkg", "pkg/new.txt", "empty", "empty/made.txt"}
    assert copy.tidy() == OUTPUTS | written | {"logs", "logs/a.log", "link"}


def test_a_touched_file_with_the_same_bytes_goes(copy: Copy) -> None:
    os.utime(copy.work / "train.py")
    os.utime(copy.work / "pkg/deep/large.bin")
    assert copy.tidy() == OUTPUTS


def test_a_change_with_the_same_size_and_a_copied_mtime_stays(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.cfg").write_text("x = 1")
    (source / "two.cfg").write_text("x = 2")
    store = SnapshotStore(tmp_path / "ws")
    manifest = str(store.manifest_path(store.take(source).id))
    work = tmp_path / "work"
    work.mkdir()
    materialise(manifest, str(tmp_path / "ws/blobs"), str(work))
    shutil.copy2(work / "one.cfg", work / "two.cfg")  # keeps the time, as cp -p does
    remove_unchanged(manifest, str(tmp_path / "ws/blobs"), str(work))
    assert (work / "two.cfg").read_text() == "x = 1"


def test_nothing_behind_a_link_that_replaced_a_folder_is_removed(
    copy: Copy, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    (copy.work / "pkg").rename(mine)
    (copy.work / "pkg").symlink_to(mine)
    assert copy.tidy() == OUTPUTS | {"pkg"}
    assert (mine / "deep/large.bin").exists()


def test_outputs_that_lead_elsewhere_are_used_and_left_alone(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    (tmp_path / "run outputs").mkdir()
    (copy.work / "outputs").symlink_to("../run outputs")
    copy.materialise()
    assert copy.tidy() == {"outputs"}
    assert (tmp_path / "run outputs/old.txt").read_text() == "old\n"


def test_snapshots_differ_in_the_second_their_files_carry(copy: Copy, tmp_path: Path) -> None:
    # An interpreter finds compiled files by path, size and second when they are kept apart.
    (tmp_path / "source/train.py").write_text("print(2)\n")
    other = str(copy.store.manifest_path(copy.store.take(tmp_path / "source").id))
    (tmp_path / "work2").mkdir()
    materialise(other, copy.blobs, str(tmp_path / "work2"))
    seconds = {int(p.stat().st_mtime) for p in copy.work.glob("*.py")}
    assert len(seconds) == 1
    assert seconds != {int(p.stat().st_mtime) for p in (tmp_path / "work2").glob("*.py")}


def test_the_module_is_python_3_6_and_imports_little() -> None:
    ast.parse(Path(workdir.__file__).read_text(), feature_version=(3, 6))
    code = (
        "import sys; import runyard.record.workdir\n"
        "heavy = {'blake3', 'msgspec', 'pathlib', 'shutil', 'subprocess', 'typing'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [
        sys.executable,
        "-S",
        "-E",
        "-c",
        f"import sys; sys.path.insert(0, {str(SRC)!r}); {code}",
    ]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "[]\n"
