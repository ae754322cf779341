"""Registered datasets: names, versions, tags."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import UserErrorException
from runyard.job.datasets import dataset as datasets
from runyard.job.datasets.api import Dataset
from runyard.job.datasets.file import FileDataset
from runyard.record import datasets as registry
from runyard.record import jsonl


@pytest.fixture
def dataset(store: Any) -> Any:
    return Dataset.File.from_files((store, "train/**"))


def test_a_registered_dataset_is_found_by_name_and_id(dataset: Any, workspace: Any) -> None:
    assert (dataset.name, dataset.version, dataset.description, dataset.tags) == (
        None,
        None,
        None,
        {},
    )
    made = dataset.register(workspace, "faces", "of people", {"kind": 1})
    assert isinstance(made, FileDataset)
    assert (made.name, made.version, made.description) == ("faces", 1, "of people")
    assert made.tags == {"kind": "1"}
    for found in (
        Dataset.get_by_name(workspace, "faces"),
        Dataset.get_by_name(workspace, "faces", version=1),
        Dataset.get_by_name(workspace, name="faces", version="latest"),
        Dataset.get_by_id(workspace, made.id),
        Dataset.get_all(workspace)["faces"],
    ):
        assert (found.id, found.name, found.version) == (made.id, "faces", 1)
        assert found.to_path() == dataset.to_path()
    assert made.id != dataset.id


def test_a_name_is_taken_unless_a_new_version_is_asked_for(
    dataset: Any, store: Any, workspace: Any
) -> None:
    first = dataset.register(workspace, "faces", tags={"a": "1"})
    with pytest.raises(UserErrorException, match="already a dataset registered under name 'faces'"):
        dataset.register(workspace, "faces")
    other = Dataset.File.from_files((store, "labels.txt"))
    second = other.register(workspace, "faces", create_new_version=True)
    assert (second.version, second.tags) == (2, {})
    assert Dataset.get_by_name(workspace, "faces").to_path() == ["/labels.txt"]
    assert Dataset.get_by_name(workspace, "faces", 1).id == first.id


def test_tags_and_description_of_a_version_can_be_changed(dataset: Any, workspace: Any) -> None:
    made = dataset.register(workspace, "faces", tags={"a": "1", "b": "2"})
    assert made.add_tags({"c": 3}).remove_tags(["a", "x"]) is made
    made.update(description="new")
    found = Dataset.get_by_name(workspace, "faces")
    assert (found.tags, found.description) == ({"b": "2", "c": "3"}, "new")
    found.update(tags={"z": ""})
    assert Dataset.get_by_name(workspace, "faces").tags == {"z": ""}
    assert Dataset.get_by_name(workspace, "faces").description == "new"
    with pytest.raises(
        UserErrorException, match=r"is not registered; register it first: dataset ="
    ):
        dataset.add_tags({"a": "b"})
    with pytest.raises(UserErrorException, match=r"tags is \['a'\] of type list; give a dict"):
        dataset.register(workspace, "other", tags=["a"])


def test_what_is_not_there_is_said_with_what_is(dataset: Any, workspace: Any) -> None:
    dataset.register(workspace, "faces")
    with pytest.raises(
        UserErrorException, match=r"no dataset 'face' in .* It has faces\. Register"
    ):
        Dataset.get_by_name(workspace, "face")
    with pytest.raises(UserErrorException, match="'faces' has no version 3; it has 1"):
        Dataset.get_by_name(workspace, "faces", 3)
    with pytest.raises(UserErrorException, match="has the id 'x'; the id of one that is not regis"):
        Dataset.get_by_id(workspace, "x")
    with pytest.raises(UserErrorException, match="workspace is None of type NoneType"):
        Dataset.get_by_name(None, "faces")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", " x", "x ", "ä", "a" * 256, None])
def test_invalid_names_are_refused(dataset: Any, workspace: Any, name: Any) -> None:
    with pytest.raises(UserErrorException, match="is not valid: give at most 255 English letters"):
        dataset.register(workspace, name)


def test_versions_are_not_given_twice(dataset: Any, workspace: Any) -> None:
    made = dataset.register(workspace, "faces")
    dataset.register(workspace, "faces", create_new_version=True)
    made.unregister_all_versions()
    assert Dataset.get_all(workspace) == {}
    with pytest.raises(UserErrorException, match="there is no dataset 'faces'"):
        Dataset.get_by_name(workspace, "faces")
    assert dataset.register(workspace, "faces").version == 3
    assert made.to_path() == dataset.to_path()


def test_registrations_at_once_get_versions_of_their_own(dataset: Any, workspace: Any) -> None:
    versions: list[int] = []

    def register() -> None:
        for _ in range(5):
            made = dataset.register(workspace, "faces", create_new_version=True)
            versions.append(made.version)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(1, 21))
    left = sorted(path.name for path in Path(workspace.path, "datasets", "faces").iterdir())
    assert left == sorted(f"{version}.json" for version in versions)


def test_a_newer_format_is_refused(dataset: Any, workspace: Any) -> None:
    registry.add(workspace.directory, "newer", dict(dataset._definition, format=2))
    with pytest.raises(UserErrorException, match="has format 2, and this version of runyard reads"):
        Dataset.get_by_name(workspace, "newer")


def test_the_repr_says_what_it_is(dataset: Any, workspace: Any) -> None:
    made = dataset.register(workspace, "faces")
    assert repr(made) == (
        f"FileDataset(name='faces', version=1, id='{made.id}', source=[('photos', 'train/**')])"
    )
    assert isinstance(made, datasets.AbstractDataset)


def test_the_first_datasets_of_sdk_v1_lead_to_those_of_now() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = Dataset.auto_read_files
    assert str(caught.value) == (
        "Dataset.auto_read_files is of the first datasets of SDK v1, which it deprecated in 2019; "
        "use Dataset.Tabular.from_delimited_files"
    )
    assert not hasattr(Dataset, "nonsense")


def test_tags_that_are_added_at_once_are_all_there(dataset: Any, workspace: Any) -> None:
    dataset.register(workspace, "faces", tags={"a": "1"})
    found = [Dataset.get_by_name(workspace, "faces") for _ in range(4)]

    def add(number: int) -> None:
        for count in range(5):
            found[number].add_tags({f"{number}-{count}": ""})

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {"a", *(f"{number}-{count}" for number in range(4) for count in range(5))}
    assert set(Dataset.get_by_name(workspace, "faces").tags) == expected
    found[0].remove_tags(["a"])  # of what is there now, not of what it knew
    assert set(Dataset.get_by_name(workspace, "faces").tags) == expected - {"a"}


def test_what_is_unregistered_meanwhile_is_not_there(
    dataset: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = dataset.register(workspace, "gone")
    dataset.register(workspace, "kept")
    read = jsonl.read_json

    def reading(path: str) -> Any:
        if "gone" in path:
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(jsonl, "read_json", reading)
    assert list(Dataset.get_all(workspace)) == ["kept"]
    with pytest.raises(UserErrorException, match="there is no dataset 'gone'"):
        Dataset.get_by_name(workspace, "gone")
    with pytest.raises(UserErrorException, match=r"no dataset registered in .* has the id"):
        Dataset.get_by_id(workspace, made.id)


_RACE = """
import json, sys
from runyard.errors import UserErrorException
from runyard.record import datasets
from runyard.record.layout import WorkspaceDirectory

workspace, more = WorkspaceDirectory(sys.argv[1]), sys.argv[2] == "more"
made = {"format": 1, "type": "file", "sources": [], "steps": []}
print("ready", flush=True)
sys.stdin.readline()
found = []
for number in range(10):
    name = "all" if more else f"name-{number}"
    try:
        record = datasets.add(workspace, name, made, create_new_version=more)
        found.append([name, record["version"], record["id"]])
    except UserErrorException as error:
        assert "already a dataset registered under name" in error.message
print(json.dumps(found))
"""


@pytest.mark.parametrize("how", ["once", "more"])
def test_processes_that_register_at_once(workspace: Any, how: str) -> None:
    """Each has a version of its own, and only one has a name that is not to be taken twice."""
    command = [sys.executable, "-c", _RACE, workspace.directory.path, how]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers: list[Any] = [subprocess.Popen(command, **pipes) for _ in range(8)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    found = [item for racer in racers for item in json.loads(racer.communicate()[0])]
    assert len({id for _, _, id in found}) == len(found)
    versions = sorted((name, version) for name, version, _ in found)
    if how == "more":
        assert versions == [("all", number) for number in range(1, 81)]
    else:
        assert versions == [(f"name-{number}", 1) for number in range(10)]
    folder = Path(workspace.directory.path, "datasets")
    assert not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]
