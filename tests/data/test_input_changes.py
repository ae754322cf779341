"""What differs between what runs have read, and what a rerun says of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config import resubmission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data import fingerprints, input_changes, inputs_now
from runyard.data.datastore import Datastore
from runyard.data.fingerprints import Input
from runyard.data.stores.store import Entry
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset
from runyard.record import jsonl
from runyard.record.states import Reason
from runyard.testing import runs
from tests.data.conftest import write
from tests.s3_server import S3


def read(name: str = "data", place: str = "store", **files: str) -> dict[str, Any]:
    """A fingerprint of files with these etags."""
    entries = [Entry(f"{path}.txt", 1, etag) for path, etag in files.items()]
    return fingerprints.fingerprint(
        Input(name, "reference", "download", f"s3://{place}", place, "", entries)
    )


def test_the_same_data_is_no_change() -> None:
    assert input_changes.changes([read(a="1")], [read(a="1")]) == []


def test_files_are_new_gone_and_changed() -> None:
    (found,) = input_changes.changes([read(a="1", b="1", c="1")], [read(b="1", c="2", d="1")])
    assert (found.added, found.removed, found.changed) == (("d.txt",), ("a.txt",), ("c.txt",))
    assert str(found) == "1 new file (d.txt), 1 missing file (a.txt), 1 changed file (c.txt)"


def test_of_many_files_three_are_named() -> None:
    (found,) = input_changes.changes([read()], [read(**dict.fromkeys("abcde", "1"))])
    assert str(found) == "5 new files (a.txt, b.txt, c.txt, …)"


def test_unnamed_references_are_told_by_their_place() -> None:
    one, other = read("0" * 32, a="1"), read("f" * 32, a="2")
    (found,) = input_changes.changes([one], [other])
    assert (found.name, found.changed) == ("store", ("a.txt",))


def test_an_input_that_one_run_lacks_is_a_change() -> None:
    (found,) = input_changes.changes([read(a="1")], [])
    assert (found.name, found.first is None, found.second is None) == ("data", False, True)
    (found,) = input_changes.changes([], [read(a="1")])
    assert (found.first is None, found.second is None) == (True, False)


def test_etags_of_different_storage_say_nothing() -> None:
    (found,) = input_changes.changes([read(a="1", b="1")], [read(place="other", a="2")])
    assert (found.removed, found.changed) == (("b.txt",), ())
    assert "files of one path and size count as the same" in found.note
    (found,) = input_changes.changes([read(a="1")], [read(place="other", a="1")])
    assert found.note == "the same files"


def test_of_large_folders_only_themselves_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "MOUNTED_FILES", 1)
    folder = write(tmp_path / "in", a="A", b="B")
    given = Input("data", "reference", "mount", str(folder), "store")
    before = fingerprints.fingerprint(given)
    assert input_changes.changes([before], [fingerprints.fingerprint(given)]) == []
    write(folder, c="C")
    os.utime(folder, (1, 1))
    (found,) = input_changes.changes([before], [fingerprints.fingerprint(given)])
    assert str(found) == "files have been added or removed, or the folder was made anew"
    for name in "bc":
        (folder / f"{name}.txt").unlink()
    (found,) = input_changes.changes([before], [fingerprints.fingerprint(given)])
    assert str(found) == "another number of files"
    copied = fingerprints.fingerprint(given._replace(mode="download"))
    (found,) = input_changes.changes([before], [copied])
    assert str(found) == "not compared: a large mounted folder is not looked into"


Submit = Callable[..., Any]


@pytest.fixture
def submit(experiment: Experiment, here: Environment, tmp_path: Path) -> Submit:
    """Run an empty script with arguments to its end."""

    def submitted(*arguments: object) -> Any:
        (tmp_path / "source").mkdir()
        (tmp_path / "source/train.py").write_text("")
        config = ScriptRunConfig(tmp_path / "source", "train.py", list(arguments), environment=here)
        run = experiment.submit(config)
        assert runs.finish(run.directory).reason is Reason.COMPLETED, runs.log_of(run.directory)
        return run

    return submitted


def rerun(run: Any) -> tuple[Any, list[str]]:
    """The directory of a rerun that has ended, and what was warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        new = resubmission.resubmit(run.directory, {})
    assert runs.finish(new).reason is Reason.COMPLETED
    return new, [str(item.message) for item in said if item.category is UserWarning]


def test_a_rerun_names_the_folder_that_has_changed(store: Any, submit: Submit) -> None:
    run = submit(store.path("train", "faces").as_mount(), store.path("labels.txt", "labels"))
    found = {item["name"]: item for item in fingerprints.read(run.directory)}
    assert [entry[0] for entry in found["faces"]["entries"]] == ["a.txt", "deep/b.txt"]
    assert found["labels"]["entries"][0][2].startswith("sha256:")
    again, said = rerun(run)
    assert said == []
    assert input_changes.changes(found.values(), fingerprints.read(again)) == []
    write(Path(store.container_name), train__new="N", train__deep__b="longer")
    os.utime(Path(store.container_name, "labels.txt"), (1, 1))  # the content is the same
    again, said = rerun(run)
    assert said == [
        f"input 'faces' (photos:train) is not what run {run.id} read: 1 new file (new.txt), "
        "1 changed file (deep/b.txt)"
    ]
    assert said[0] in jsonl.read_json(again.run_json)["notices"]
    (change,) = input_changes.changes(found.values(), fingerprints.read(again))
    assert (change.added, change.changed) == (("new.txt",), ("deep/b.txt",))


def test_a_rerun_names_what_has_changed_on_s3(
    workspace: Any, s3: S3, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket(train__a="A", train__b="B", one="1")
    cloud = Datastore.register(workspace, "cloud", bucket, **s3.options)
    faces = Dataset.File.from_files((cloud, "train/*.txt")).register(workspace, "faces")
    whole = Dataset.File.from_files((cloud, "train"))
    run = submit(
        faces.as_named_input("faces").as_mount(),
        whole.as_named_input("whole").as_download(),
        Dataset.File.from_files((cloud, "one.txt")).as_named_input("one").as_mount(),
        cloud.path("train", "reference").as_download(),
        cloud.path("one.txt", "single").as_mount(),
    )
    found = {item["name"]: item for item in fingerprints.read(run.directory)}
    assert [found["faces"][key] for key in ("dataset", "version", "files")] == ["faces", 1, 2]
    assert rerun(run)[1] == []
    s3.put(bucket, "train/a.txt", "changed")
    s3.put(bucket, "one.txt", "2")
    said = rerun(run)[1]
    assert said[2] == (
        f"input 'faces' (faces version 1) is not what run {run.id} read: 1 changed file (a.txt)"
    )
    assert [text.split("'")[1] for text in said] == ["reference", "single", "faces", "whole", "one"]
    monkeypatch.setattr(inputs_now, "COMPARED_FILES", 1)
    assert rerun(run)[1][0] == (
        f"whether input 'reference' is still what run {run.id} read is not known: it has 2 files, "
        "too many to list again"
    )
