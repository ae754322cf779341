"""How much work staging takes, and what it says of places."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from runyard.cli import formats
from runyard.data import conflicts, fetching, room, staging
from runyard.data.cache import ContentCache
from runyard.data.places import Place, mounts, places, variables
from runyard.data.spec import DatasetSpec, DataSpec, OutputSpec
from runyard.data.views import View
from runyard.errors import UserErrorException
from runyard.record.layout import RunDirectory
from tests.data.memory_store import MemoryStore


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(str(tmp_path / "ws/.runyard/runs/exp/exp_1"))
    os.makedirs(made.work)
    return made


def reference(name: str, source: Path | str, mode: str = "mount", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "datastore": "s",
        "path": "p",
        "mode": mode,
        "source": str(source),
        **more,
    }


def test_a_mount_takes_no_work_per_file(run: RunDirectory, tmp_path: Path) -> None:
    made = [_folder(tmp_path / str(count), count) for count in (1_200, 6_000)]
    # The smallest of three: what is thrown away meanwhile is finished by calls as well.
    few, many = (min(_calls(run, folder) for _ in range(3)) for folder in made)
    assert few > 50  # else nothing was counted
    assert abs(many - few) < 10


def _folder(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        (path / f"{number}.txt").touch()
    return path


def _calls(run: RunDirectory, folder: Path) -> int:
    """How many functions are called, ours and those of C, to mount a folder."""
    place = f"{folder.name}-{os.urandom(4).hex()}"
    spec = {"data": [reference("a", folder), reference("b", folder, path_on_compute=place)]}
    counted = [0]

    def count(frame: FrameType, event: str, arg: object) -> None:
        counted[0] += event in ("call", "c_call")

    staging.stage(run, places(run, {"data": [reference("warm", folder)]}), io.StringIO())
    sys.setprofile(count)
    try:
        staging.stage(run, places(run, spec), io.StringIO())
    finally:
        sys.setprofile(None)
    return counted[0]


def test_files_that_are_pruned_while_they_are_placed_are_fetched_again(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    store = MemoryStore(a="A", b="B")
    wanted = [(store, entry, entry.path) for entry in store.entries()]
    link = View.link

    def pruned(view: View, source: str, relative: str, **more: Any) -> None:
        if relative == "a":
            ContentCache().prune()
        monkeypatch.setattr(View, "link", link)
        link(view, source, relative, **more)

    monkeypatch.setattr(View, "link", pruned)
    place = Place("dataset", {"name": "m", "mode": "mount", "id": "1"}, "", False)
    place.here = place.seen = run.join("data", "m")
    fetching.bring(run, place, wanted, lambda text: None)
    found = {path: Path(place.here, path).read_text() for path in os.listdir(place.here)}
    assert found == {"a": "A", "b": "B"}
    assert store.fetched == ["a", "b", "a", "b"]


def test_the_variables_of_datasets_and_outputs(run: RunDirectory, tmp_path: Path) -> None:
    dataset = {"mode": "mount", "id": "1", "definition": {}}
    output = {"datastore": "s", "mode": "mount", "root": str(tmp_path)}
    found = places(
        run,
        {
            "data": [reference("r", tmp_path)],
            "datasets": [{**dataset, "name": "d"}, {**dataset, "name": "e", "mode": "direct"}],
            "outputs": [
                {**output, "name": "o", "path": "out/{run-id}/{output-name}"},
                {**output, "name": "u", "path": "x", "mode": "upload"},
            ],
        },
    )
    assert variables(found) == {
        "AZUREML_DATAREFERENCE_r": str(tmp_path),
        **{f"{head}d": run.join("data", "d") for head in ("", "AZUREML_DATAREFERENCE_")},
        **{f"{head}e": "1" for head in ("", "AZUREML_DATAREFERENCE_")},
        **{f"{head}o": f"{tmp_path}/out/exp_1/o" for head in ("", "AZUREML_DATAREFERENCE_")},
        **{f"{head}u": run.join("data", "u") for head in ("", "AZUREML_DATAREFERENCE_")},
        "AZUREML_DATASET_ENVIRONMENT_VARS": "d:mount,e:direct",
        "AZUREML_DATASET_FILE_OUTPUTS": "o;u",
    }


def test_what_one_may_write_to_is_shown_to_a_container_so(
    run: RunDirectory, tmp_path: Path
) -> None:
    spec = {"data": [reference("a", tmp_path / "x")], "container": {}}
    (reference_place,) = places(run, spec)
    dataset = Place("dataset", {"name": "d", "mode": "mount"}, str(tmp_path / "x"), True)
    dataset.mounts = [(str(tmp_path / "x"), str(tmp_path / "x"), True)]
    place = str(tmp_path / "x")
    assert mounts([dataset, reference_place]) == [(place, place, False)]
    assert mounts([reference_place, dataset]) == [(place, place, False)]
    assert mounts([dataset]) == [(place, place, True)]


def _data(name: str, mode: str, place: str | None) -> DataSpec:
    return DataSpec(
        name=name, datastore="s", path="", mode=mode, source="/s", path_on_compute=place
    )


def _dataset(name: str, mode: Any, place: str | None) -> DatasetSpec:
    return DatasetSpec(name=name, mode=mode, id="1", definition={}, path_on_compute=place)


def _output(name: str, mode: Any, place: str | None) -> OutputSpec:
    return OutputSpec(
        name=name, datastore="s", path="o", root="/s", mode=mode, path_on_compute=place
    )


_REFUSED: list[tuple[Any, Any, Any, str]] = [
    (
        [_data("x", "mount", None)],
        [_dataset("x", "mount", None)],
        [],
        "data reference and dataset input are both named 'x'; the script finds each by its name, "
        "so give one of them another",
    ),
    (
        [],
        [_dataset("a", "download", "data")],
        [_output("b", "mount", "data/")],
        "dataset input and output 'a' and 'b' are both to be at 'data'; give one of them another "
        "path_on_compute",
    ),
    (
        [_data("a", "mount", "in"), _data("b", "download", "in/deep")],
        [],
        [],
        "data reference 'b' is to be at 'in/deep', which lies in the mount of 'a' at 'in'; give "
        "one of them another path_on_compute",
    ),
    (
        [_data("a", "download", "/in"), _data("b", "upload", "/in/")],
        [],
        [],
        "data references 'a' and 'b' are both to be at '/in'; give one of them another",
    ),
]


@pytest.mark.parametrize(("data", "datasets", "outputs", "text"), _REFUSED)
def test_what_cannot_be_in_one_run(data: Any, datasets: Any, outputs: Any, text: str) -> None:
    with pytest.raises(UserErrorException) as caught:
        conflicts.check(data, datasets, outputs)
    assert caught.value.message.startswith(text)


def test_copies_may_be_put_together() -> None:
    conflicts.check(
        [_data("a", "download", "in"), _data("b", "download", "in")],
        [_dataset("c", "download", "in/deep"), _dataset("d", "mount", "other")],
        [_output("e", "upload", None)],
    )


@pytest.mark.parametrize(
    ("fetched", "files", "text"),
    [
        (4, 4, "4 of 4 files fetched"),
        (1, 1, "1 of 1 file fetched"),
        (2, 4, "2 of 4 files fetched, the others were in the cache"),
        (3, 4, "3 of 4 files fetched, the other was in the cache"),
        (0, 4, "0 of 4 files fetched, all were in the cache"),
        (0, 1, "0 of 1 file fetched, it was in the cache"),
    ],
)
def test_what_was_fetched_and_what_was_in_the_cache(fetched: int, files: int, text: str) -> None:
    assert fetching._fetched_text(fetched, files) == text


def test_sizes_to_the_byte() -> None:
    assert [room.in_bytes(size) for size in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]
    assert [room.text(size) for size in (1, 999, 1500)] == ["1 byte", "999 bytes", "1.5 KB"]
    assert [formats.size(size) for size in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]


def test_a_dataset_that_is_not_registered_is_named_by_its_source() -> None:
    sources = [{"datastore": "s3", "path": "p/**"}, {"url": "https://h/x.csv"}]
    item = {"name": "a", "mode": "mount", "id": "some-id", "definition": {"sources": sources}}
    assert Place("dataset", item, "", False).of == "dataset s3:p/** and https://h/x.csv"
    registered = {**item, "dataset": "photos", "version": 2}
    assert Place("dataset", registered, "", False).of == "dataset photos version 2"
