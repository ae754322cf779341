"""Datasets in configurations: where they may stand, what they become, what is refused early."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config import planning
from runyard.config.dataset_sections import Data, DataLocation, DataPathLocation, OutputData
from runyard.config.dataset_sections import Dataset as Identity
from runyard.config.jobspec import JobSpec
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import (
    ScriptRunConfig,
    get_run_config_from_script_run,
)
from runyard.data.consumption import DatasetConsumptionConfig
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments import plain
from runyard.errors import UserErrorException
from runyard.estimators.estimator import Estimator
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from runyard.job.datasets.types import DataType
from tests.config.targets import FakeTarget


@pytest.fixture
def store(experiment: Any, tmp_path: Path) -> Any:
    (tmp_path / "photos/train").mkdir(parents=True)
    (tmp_path / "photos/train/a.txt").write_text("A")
    return Datastore.register(experiment.workspace, "photos", tmp_path / "photos")


@pytest.fixture
def photos(store: Any) -> Any:
    return Dataset.File.from_files((store, "train"))


Planned = Callable[..., JobSpec]


@pytest.fixture
def planned(project: Path, experiment: Any, target: FakeTarget) -> Planned:
    """The spec of a script with arguments; ``edit`` changes the run configuration before."""

    def plan(*arguments: object, edit: Callable[[RunConfiguration], Any] | None = None) -> JobSpec:
        config = ScriptRunConfig(project, "train.py", list(arguments))
        if edit is not None:
            edit(config.run_config)
        return planning.plan(config, experiment.workspace, experiment="exp").spec

    return plan


def inputs(spec: JobSpec) -> dict[str, tuple[str, str | None]]:
    return {item.name: (item.mode, item.path_on_compute) for item in spec.datasets}


def test_arguments_become_inputs_and_outputs(planned: Planned, photos: Any, store: Any) -> None:
    left = OutputFileDatasetConfig("left", (store, "x/{run-id}"), "out").as_upload(True, ["*.csv"])
    spec = planned(
        *("--in", photos.as_named_input("a").as_mount(), "--id", photos.as_named_input("b")),
        *("--out", left.register_on_complete("all", "text", {"k": "v"})),
    )
    name = "$AZUREML_DATAREFERENCE_"
    assert spec.arguments == ("--in", f"{name}a", "--id", f"{name}b", "--out", f"{name}left")
    assert inputs(spec) == {"a": ("mount", None), "b": ("direct", None)}
    assert {item.id for item in spec.datasets} == {photos.id}
    assert spec.datasets[0].definition == photos._definition
    assert plain.value(spec.to_dict()["outputs"]) == [
        {
            "name": "left",
            "datastore": "photos",
            "path": "x/{run-id}",
            "root": store.container_name,
            "mode": "upload",
            "overwrite": True,
            "globs": ["*.csv"],
            "path_on_compute": "out",
            "register": {"name": "all", "description": "text", "tags": {"k": "v"}},
            "definition": None,
        }
    ]


def test_a_configuration_holds_them_too(planned: Planned, photos: Any) -> None:
    def edit(run_config: RunConfiguration) -> None:
        run_config.data = {"a": photos.as_named_input("a").as_download("here")}
        run_config.data["b"] = photos.as_named_input("other")
        run_config.output_data["c"] = OutputFileDatasetConfig("c")
        assert isinstance(run_config.data["a"], Data)
        assert isinstance(run_config.output_data["c"], OutputData)

    spec = planned("DatasetConsumptionConfig:a", "DatasetOutputConfig:c", edit=edit)
    assert inputs(spec) == {"a": ("download", "here"), "b": ("direct", None)}
    assert spec.arguments == ("$AZUREML_DATAREFERENCE_a", "$AZUREML_DATAREFERENCE_c")
    assert [item.path for item in spec.outputs] == ["dataset/{run-id}/{output-name}"]


def test_what_was_saved_is_found_again(
    planned: Planned, photos: Any, experiment: Any, store: Any, tmp_path: Path
) -> None:
    registered = photos.register(experiment.workspace, "all photos")
    photos.register(experiment.workspace, "all photos", create_new_version=True)
    made = RunConfiguration()
    made.data = {
        "id": registered.as_named_input("id").as_mount(),
        "name": DatasetConsumptionConfig("name", (experiment.workspace, "all photos")),
        "path": Data(DataLocation(data_path=DataPathLocation("photos", "train")), None, "Mount"),
    }
    left = OutputFileDatasetConfig("left", (store, "x"))
    made.output_data = {"left": left.register_on_complete("left")}
    made.save(tmp_path, "saved")
    loaded = RunConfiguration.load(tmp_path, "saved")

    def edit(run_config: RunConfiguration) -> None:
        run_config.data, run_config.output_data = loaded.data, loaded.output_data

    spec = planned(edit=edit)
    found = {item.name: (item.mode, item.dataset, item.version) for item in spec.datasets}
    assert found == {
        "id": ("mount", "all photos", 1),
        "name": ("direct", "all photos", 2),
        "path": ("mount", None, None),
    }
    assert [(item.name, item.path, item.mode) for item in spec.outputs] == [("left", "x", "mount")]
    assert spec.outputs[0].register is not None


def test_estimators_take_them(
    project: Path, experiment: Any, photos: Any, target: FakeTarget
) -> None:
    left = OutputFileDatasetConfig("left")
    estimator = Estimator(
        str(project),
        entry_script="train.py",
        compute_target="local",
        script_params={"--in": photos.as_named_input("a").as_mount(), "--out": left, left: ""},
        inputs=[photos.as_named_input("b")],
    )
    assert estimator.run_config.arguments == [
        *("--in", "$AZUREML_DATAREFERENCE_a", "--out", "$AZUREML_DATAREFERENCE_left"),
        "$AZUREML_DATAREFERENCE_left",
    ]
    assert list(estimator.run_config.data) == ["a", "b"]
    assert list(estimator.run_config.output_data) == ["left"]
    experiment.submit(estimator, inputs=[photos.take(1).as_named_input("c")])
    spec = target.record["spec"]
    assert [(item["name"], item["mode"]) for item in spec["datasets"]] == [
        ("a", "mount"),
        ("c", "direct"),
    ]
    assert list(estimator.run_config.data) == ["a", "b"]
    with pytest.raises(UserErrorException, match=r"is a dataset, and a run needs to know how to"):
        Estimator(str(project), entry_script="t.py", compute_target="local", inputs=[photos])
    with pytest.raises(UserErrorException, match=r"Type <class 'int'> is not supported for inputs"):
        Estimator(str(project), entry_script="t.py", compute_target="local", inputs=[1])


Refused = list[tuple[Callable[[Any, Any], Any], str]]
_REFUSED: Refused = [
    (
        lambda photos, store: photos,
        "source=[('photos', 'train')]) is a dataset, and a run needs to know how to get at it: "
        "give dataset.as_named_input('name'), or of a FileDataset "
        "dataset.as_named_input('name').as_mount() or .as_download()",
    ),
    (
        lambda photos, store: Data(),
        "an argument is a section of a run configuration, Data; give "
        "dataset.as_named_input('name').as_mount(), or an OutputFileDatasetConfig",
    ),
    (
        lambda photos, store: Dataset.File.from_files((store, "gone"), validate=False).as_mount(),
        "there is no file at 'gone' on datastore 'photos'",
    ),
    (
        lambda photos, store: DatasetConsumptionConfig("a", (store.workspace, "gone")),
        "input 'a': there is no dataset 'gone' in",
    ),
    (
        lambda photos, store: DatasetConsumptionConfig("a", (store.workspace, "known", 7)),
        "input 'a': dataset 'known' has no version 7; it has 1",
    ),
    (
        lambda photos, store: OutputFileDatasetConfig("a").as_input("b"),
        "input 'b': no run has left the output 'a' yet; submit the run that writes it first",
    ),
    (
        lambda photos, store: OutputFileDatasetConfig("a", (store, "train/a.txt")),
        "output 'a': 'train/a.txt' on datastore 'photos' is a file",
    ),
    (
        lambda photos, store: OutputFileDatasetConfig(
            "a", (Datastore(store.workspace, "workspaceartifactstore"), "ExperimentRun/dcid.x")
        ),
        "output 'a': 'ExperimentRun/dcid.x' on 'workspaceartifactstore' is what a run has left",
    ),
    (
        lambda photos, store: "$AZUREML_DATAREFERENCE_gone",
        "names the data reference 'gone', which the run has not got",
    ),
]


@pytest.mark.parametrize(("make", "text"), _REFUSED)
def test_what_is_refused_before_the_queue(
    planned: Planned, photos: Any, store: Any, make: Any, text: str
) -> None:
    photos.register(store.workspace, "known")
    with pytest.raises(UserErrorException) as caught:
        planned(make(photos, store))
    assert text in caught.value.message


def test_two_of_one_name(planned: Planned, photos: Any, store: Any) -> None:
    one = photos.as_named_input("a")
    assert inputs(planned(one, photos.as_named_input("a"))) == {"a": ("direct", None)}
    with pytest.raises(UserErrorException, match=r"two inputs are named 'a': .* and .*; give one"):
        planned(one, one.as_mount())
    left = OutputFileDatasetConfig("a")
    with pytest.raises(UserErrorException, match=r"two outputs are named 'a': "):
        planned(left, left.as_upload())
    with pytest.raises(
        UserErrorException, match=r"two outputs are named 'a': .*; give one of them"
    ):
        planned(left, OutputFileDatasetConfig("a"))
    assert len(planned(left, left).outputs) == 1
    with pytest.raises(
        UserErrorException, match=r"dataset input and output are both named 'a'; the script finds"
    ):
        planned(one, left)
    with pytest.raises(UserErrorException, match="data reference and dataset input are both named"):
        planned(store.path("train", "a"), one)


def test_what_is_said_in_two_places(planned: Planned, photos: Any) -> None:
    given, left = photos.as_named_input("a").as_mount(), OutputFileDatasetConfig("b")

    def edit(run_config: RunConfiguration) -> None:
        run_config.data["a"], run_config.output_data["b"] = given, left

    spec = planned(given, left, edit=edit)
    assert (inputs(spec), len(spec.outputs)) == ({"a": ("mount", None)}, 1)
    with pytest.raises(
        UserErrorException, match=r"is an argument, and run_config.data\['a'\] is something else;"
    ):
        planned(given.as_download(), edit=edit)
    with pytest.raises(UserErrorException, match=r"and run_config.output_data\['b'\] is something"):
        planned(left.as_upload(), edit=edit)
    with pytest.raises(UserErrorException, match=r"and run_config.output_data\['b'\] is something"):
        planned(OutputFileDatasetConfig("b"), edit=edit)


def test_data_of_another_workspace(planned: Planned, tmp_path: Path) -> None:
    other = Workspace.create("other", path=str(tmp_path / "other"))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/a.txt").write_text("A")
    store = Datastore.register(other, "theirs", tmp_path / "theirs")
    photos = Dataset.File.from_files((store, "a.txt"))
    with pytest.raises(UserErrorException, match=r"input 'a': the dataset .* is of the workspace"):
        planned(photos.as_named_input("a"))
    with pytest.raises(UserErrorException, match=r"output 'b': datastore 'theirs' is of the works"):
        planned(OutputFileDatasetConfig("b", (store, "x")))


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda c: setattr(c, "data", 7), "data is 7 of type int; give a dict by the names of the"),
        (lambda c: c.data.update(a=1), "data['a'] is 1 of type int; give dataset.as_named_input("),
        (lambda c: c.output_data.update(a=1), "output_data['a'] is 1 of type int; give OutputFi"),
        (
            lambda c: c.data.update(a=Data()),
            "input 'a': data['a'].data_location names no dataset and no path; give DataLocation(",
        ),
        (
            lambda c: c.data.update(a=Data(mechanism="upload")),
            "input 'a': mode='upload' is not known; give one of direct, mount, download",
        ),
        (
            lambda c: c.data.update(a=Data(DataLocation(Identity("123")))),
            "has the id '123'",
        ),
        (
            lambda c: c.output_data.update(a=OutputData()),
            "output 'a': output_data['a'].output_location names no datastore; give the output",
        ),
        (
            lambda c: c.output_data.update(
                a=OutputData(DataLocation(data_path=DataPathLocation("gone", "x")))
            ),
            "output 'a': there is no datastore 'gone' in",
        ),
        (
            lambda c: c.output_data.update(
                a=OutputData(DataLocation(data_path=DataPathLocation("photos", "../x")))
            ),
            "output 'a': path '../x' leads outside the datastore with '..'",
        ),
        (
            lambda c: c.output_data.update(
                a=OutputData(DataLocation(data_path=DataPathLocation("photos", "x")), "hdfs")
            ),
            "output 'a': mechanism='hdfs' is not known; give one of mount, upload",
        ),
    ],
)
def test_sections_that_cannot_be(planned: Planned, store: Any, edit: Any, text: str) -> None:
    with pytest.raises(UserErrorException) as caught:
        planned(edit=edit)
    assert text in caught.value.message


def test_a_script_run_config_can_be_saved_with_its_datasets(
    project: Path, experiment: Any, photos: Any, target: FakeTarget, tmp_path: Path
) -> None:
    registered = photos.register(experiment.workspace, "photos")
    given = [registered.as_named_input("a").as_mount(), OutputFileDatasetConfig("left"), 1]
    config = ScriptRunConfig(project, "train.py", given)
    made = get_run_config_from_script_run(config)
    assert (config.run_config.data, config.run_config.script) == ({}, "train.py")
    made.save(tmp_path, "saved")
    again = ScriptRunConfig(project, run_config=RunConfiguration.load(tmp_path, "saved"))
    spec = planning.plan(again, experiment.workspace, experiment="exp").spec
    assert spec == planning.plan(config, experiment.workspace, experiment="exp").spec
    assert spec.arguments[2] == "1"


def test_how_an_output_is_read_is_saved_with_it(
    project: Path, experiment: Any, store: Any, target: FakeTarget, tmp_path: Path
) -> None:
    left = OutputFileDatasetConfig("left", (store, "x"))
    columns = {"a": DataType.to_long()}
    given = [
        left.read_delimited_files(separator="\t", path_glob="*.tsv", set_column_types=columns),
        OutputFileDatasetConfig("days", (store, "y"), partition_format="{day:yyyy-MM-dd}.txt"),
        OutputFileDatasetConfig("rows").read_parquet_files(include_path=True).keep_columns("a"),
    ]
    config = ScriptRunConfig(project, "train.py", given)
    get_run_config_from_script_run(config).save(tmp_path, "saved")
    again = ScriptRunConfig(project, run_config=RunConfiguration.load(tmp_path, "saved"))
    spec = planning.plan(again, experiment.workspace, experiment="exp").spec
    assert spec == planning.plan(config, experiment.workspace, experiment="exp").spec
    table, days, rows = (item.definition or {} for item in spec.outputs)
    assert (table["type"], table["reader"]["separator"]) == ("tabular", "\t")
    assert [source["path"] for source in table["sources"]] == ["*.tsv"]
    assert (days["type"], days["partition_format"]) == ("file", "{day:yyyy-MM-dd}.txt")
    assert rows["steps"] == [{"step": "keep_columns", "columns": ["a"]}]
