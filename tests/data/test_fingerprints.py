"""What a run has read is known by its fingerprint."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runyard.data import fingerprints
from runyard.data.fingerprints import Input
from runyard.data.stores.store import Entry
from runyard.testing import runs
from tests.data.conftest import write


def of(source: Path, mode: str = "mount") -> dict[str, object]:
    return fingerprints.fingerprint(Input("data", "reference", mode, str(source), "store"))


def test_a_small_folder_is_known_by_its_files(tmp_path: Path) -> None:
    write(tmp_path / "in", a="one", sub__b="two!")
    found = of(tmp_path / "in")
    assert (found["files"], found["size_bytes"], found["shallow"]) == (2, 7, False)
    paths = [entry[:2] for entry in found["entries"]]  # type: ignore[attr-defined]
    assert paths == [["a.txt", 3], ["sub/b.txt", 4]]
    assert found["digest"] == of(tmp_path / "in")["digest"]
    (tmp_path / "in/sub/b.txt").write_text("more")
    os.utime(tmp_path / "in/sub/b.txt", (1, 1))
    assert found["digest"] != of(tmp_path / "in")["digest"]


def test_a_large_mounted_folder_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "MOUNTED_FILES", 2)
    write(tmp_path / "in", **dict.fromkeys("012", "one"))
    looked_at = []
    real = os.stat

    def stat(path: str) -> os.stat_result:
        looked_at.append(path)
        return real(path)

    monkeypatch.setattr(os, "stat", stat)
    found = of(tmp_path / "in")
    monkeypatch.setattr(os, "stat", real)
    assert str(tmp_path / "in/0.txt") not in looked_at
    assert (found["files"], found["shallow"], found["entries"]) == (None, True, None)
    assert found["digest"] == of(tmp_path / "in")["digest"]
    (tmp_path / "in/new.txt").write_text("")
    os.utime(tmp_path / "in", (1, 1))
    assert found["digest"] != of(tmp_path / "in")["digest"]
    assert of(tmp_path / "in", "download")["files"] == 4


def test_folders_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of many folders without files is not walked through either."""
    monkeypatch.setattr(fingerprints, "MOUNTED_FILES", 2)
    for name in "abc":
        (tmp_path / "in" / name / "deep").mkdir(parents=True)
    listed = []
    real = os.scandir

    def scandir(path: str) -> object:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert of(tmp_path / "in")["shallow"] is True
    assert listed == [f"{tmp_path}/in/"]


def test_a_single_file_is_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("1,2\n")
    before = of(file)
    os.utime(file, (1, 1))
    assert of(file)["digest"] == before["digest"]
    file.write_text("1,3\n")
    os.utime(file, (1, 1))
    assert of(file)["digest"] != before["digest"]
    monkeypatch.setattr(fingerprints, "HASHED_BYTES", 3)
    by_time = of(file)
    os.utime(file, (2, 2))
    assert of(file)["digest"] != by_time["digest"]


def test_what_a_run_read_is_written_and_read_again(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    assert fingerprints.read(run) == []
    entries = [Entry("b.txt", 2, "e2"), Entry("a\udcff.txt", 1, "e1")]
    fingerprints.record(
        run,
        [
            Input(
                "faces",
                "dataset",
                "download",
                "s3://bucket/faces",
                entries=entries,
                dataset="faces",
                version=3,
                id="x",
            )
        ],
    )
    (found,) = fingerprints.read(run)
    assert found["entries"] == [["a\udcff.txt", 1, "e1"], ["b.txt", 2, "e2"]]
    assert (found["dataset"], found["version"], found["files"]) == ("faces", 3, 2)
    assert found["digest"].startswith("sha256:")
    assert json.loads(Path(run.inputs_json).read_text())["format"] == 1


def test_of_many_files_only_the_digest_is_kept() -> None:
    entries = [Entry(str(number), 1, "e") for number in range(fingerprints.NAMED_FILES + 1)]
    found = fingerprints.fingerprint(
        Input("data", "reference", "download", "s3://b", "store", entries=entries)
    )
    assert found["entries"] is None
    assert found["files"] == len(entries)


def test_what_is_not_there_and_links_to_nothing_are_no_error(tmp_path: Path) -> None:
    assert of(tmp_path / "nothing")["digest"] is None
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to("nowhere")
    assert of(tmp_path / "in")["entries"] == [["link", 0, "gone"]]
