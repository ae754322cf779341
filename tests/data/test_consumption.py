"""DatasetConsumptionConfig and OutputFileDatasetConfig: what they keep, and what they refuse."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

from runyard.data.consumption import DatasetConsumptionConfig
from runyard.data.datapath import DataPath
from runyard.data.output_config import OutputFileDatasetConfig, OutputTabularDatasetConfig
from runyard.errors import UserErrorException
from runyard.job.datasets.api import Dataset


@pytest.fixture
def photos(store: Any) -> Any:
    return Dataset.File.from_files((store, "train"))


def test_each_method_gives_a_copy(photos: Any) -> None:
    direct = photos.as_named_input("pictures")
    assert (direct.name, direct.dataset, direct.mode, direct.path_on_compute) == (
        *("pictures", photos, "direct"),
        None,
    )
    mounted, copied = direct.as_mount("/data/"), direct.as_download("here")
    assert (mounted.mode, mounted.path_on_compute) == ("mount", "/data/")
    assert (copied.mode, copied.path_on_compute, copied.name) == ("download", "here", "pictures")
    assert direct.mode == "direct"
    assert f"{copied}" == "$AZUREML_DATAREFERENCE_pictures"
    copied.name = "others"
    assert (copied.name, direct.name) == ("others", "pictures")


def test_an_input_without_a_name_gets_one(photos: Any) -> None:
    one, other = photos.as_mount(), photos.as_download("x")
    assert re.fullmatch("input_[0-9a-f]{8}", one.name)
    assert one.name != other.name
    assert (one.mode, other.mode, other.path_on_compute) == ("mount", "download", "x")


def test_equal_is_what_says_the_same(workspace: Any, photos: Any) -> None:
    one = photos.as_named_input("a").as_mount()
    assert one == photos.as_named_input("a").as_mount()
    assert one != photos.as_named_input("a").as_download()
    assert one != photos.take(1).as_named_input("a").as_mount()
    named = DatasetConsumptionConfig("a", (workspace, "b"))
    assert named == DatasetConsumptionConfig("a", (workspace, "b", "latest"))
    assert named != DatasetConsumptionConfig("a", (workspace, "b", 2))
    assert named != "a"


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "é", 7, "a" * 256])
def test_a_name_is_a_word(photos: Any, name: Any) -> None:
    text = (
        f"name of an input {name!r} is not valid: give 1 to 255 English letters, digits and '_' "
        "that do not begin with a digit, such as 'training_data'"
    )
    with pytest.raises(UserErrorException) as caught:
        photos.as_named_input(name)
    assert caught.value.message == text
    with pytest.raises(UserErrorException, match="name of an output"):
        OutputFileDatasetConfig(name)


def test_a_name_that_every_program_needs_is_a_warning(photos: Any) -> None:
    with pytest.warns(UserWarning, match=r"'PATH' is that of a variable which every program needs"):
        photos.as_named_input("PATH")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photos.as_named_input("path_of_it")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"mode": "upload"}, "mode='upload' is not known; give one of direct, mount, download"),
        ({"mode": "hdfs"}, "the mode 'hdfs' is of Spark clusters, which are not a part of runyard"),
        ({"path_on_compute": "../x"}, "path_on_compute='../x' leads outside the working directory"),
        ({"dataset": "iris"}, "dataset is 'iris' of type str; give a FileDataset or a"),
        (
            {"dataset": ("ws", "iris")},
            "dataset is ('ws', 'iris') of type tuple; give a FileDataset",
        ),
        ({"dataset": None}, "dataset is None of type NoneType; give a FileDataset or a Tab"),
    ],
)
def test_what_an_input_cannot_be(photos: Any, given: Any, text: str) -> None:
    with pytest.raises(UserErrorException) as caught:
        DatasetConsumptionConfig(**{"name": "a", "dataset": photos, **given})
    assert caught.value.message.startswith(text)


def test_hdfs_is_not_here(photos: Any) -> None:
    with pytest.raises(UserErrorException, match=r"as_mount\(\) or as_download\(\)"):
        photos.as_named_input("a").as_hdfs()


def test_an_output_says_where_it_goes(store: Any) -> None:
    made = OutputFileDatasetConfig()
    assert re.fullmatch("output_[0-9a-f]{8}", made.name)
    assert (made._datastore, made._path, made._mode) == (
        *("workspaceblobstore", "dataset/{run-id}/{output-name}"),
        "mount",
    )
    given = OutputFileDatasetConfig("left", (store, "/x/{run-id}"), "out")
    assert (given._datastore, given._path, given._place) == ("photos", "x/{run-id}", "out")
    assert OutputFileDatasetConfig("left", DataPath(store, "x"))._path == "x"
    assert OutputFileDatasetConfig("left", (store, None))._path == "dataset/{run-id}/{output-name}"
    assert f"{given}" == "$AZUREML_DATAREFERENCE_left"
    upload = given.as_upload(True, "*.csv")
    assert (upload._mode, upload._overwrite, upload._globs) == ("upload", True, ("*.csv",))
    again = upload.register_on_complete("all", tags={"a": 1}).as_mount()
    assert (again._mode, again._globs, again._registration) == (
        *("mount", None),
        {"name": "all", "description": None, "tags": {"a": "1"}},
    )
    assert (given._mode, given._registration) == ("mount", None)
    assert given != upload


def test_an_output_that_is_a_table_is_made_of_one_of_files() -> None:
    table = OutputFileDatasetConfig("left").read_delimited_files()
    assert (type(table), table.name) == (OutputTabularDatasetConfig, "left")
    with pytest.raises(
        UserErrorException, match=r"take OutputFileDatasetConfig\('name'\)\.read_de"
    ):
        OutputTabularDatasetConfig(name="left")


made: Any = OutputFileDatasetConfig


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s: OutputFileDatasetConfig("a", "x"), "destination is 'x' of type str; give (data"),
        (lambda s: OutputFileDatasetConfig("a", ("s", "x")), "destination is ('s', 'x') of type"),
        (lambda s: OutputFileDatasetConfig("a", (s, "../x")), "path '../x' leads outside the data"),
        (lambda s: OutputFileDatasetConfig("a", source="../x"), "path_on_compute='../x' leads out"),
        (lambda s: made("a").as_upload(source_globs=7), "source_globs is 7; gi"),
        (lambda s: made("a").as_upload(source_globs=[]), "source_globs is []; "),
        (
            lambda s: made("a").register_on_complete(""),
            "dataset name '' is not v",
        ),
        (
            lambda s: made("a").register_on_complete("b", tags=["x"]),
            "tags is ['x'] of type list; give a dict such as {'stage': 'trial'}",
        ),
    ],
)
def test_what_an_output_cannot_be(store: Any, call: Any, text: str) -> None:
    with pytest.raises(UserErrorException) as caught:
        call(store)
    assert caught.value.message.startswith(text)
