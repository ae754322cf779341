"""Data of estimators and of ScriptRunConfig: where it may be said, and what becomes of it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from runyard.config import planning
from runyard.config.data_sections import DataReferenceConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datapath import DataPath
from runyard.data.datastore import Datastore
from runyard.environments import plain
from runyard.errors import UserErrorException
from runyard.estimators.estimator import Estimator
from tests.config.targets import FakeTarget


@pytest.fixture
def store(experiment: Any, tmp_path: Path) -> Any:
    (tmp_path / "photos/train").mkdir(parents=True)
    return Datastore.register(experiment.workspace, "photos", tmp_path / "photos")


def _estimator(project: Path, **parameters: Any) -> Estimator:
    return Estimator(str(project), entry_script="train.py", compute_target="local", **parameters)


def _data(target: FakeTarget) -> dict[str, tuple[str, str]]:
    return {item["name"]: (item["path"], item["mode"]) for item in target.record["spec"]["data"]}


def test_keys_values_and_inputs_are_collected(project: Path, store: Any) -> None:
    key, value, given = store.path("train", "k"), store.path("train", "v"), store.path("x", "i")
    params = {"--d": value, key: "", "--list": [store, "a"]}
    estimator = _estimator(project, script_params=params, inputs=[given.as_upload("out")])
    assert estimator.run_config.arguments == [
        *("--d", "$AZUREML_DATAREFERENCE_v", "$AZUREML_DATAREFERENCE_k"),
        *("--list", "$AZUREML_DATAREFERENCE_photos", "a"),
    ]
    references = estimator.run_config.data_references
    assert list(references) == ["v", "k", "photos", "i"]
    assert plain.value(references["i"]) == {
        "dataStoreName": "photos",
        "mode": "upload",
        "pathOnDataStore": "x",
        "pathOnCompute": "out",
        "overwrite": False,
    }
    assert params == {"--d": value, key: "", "--list": [store, "a"]}


def test_of_one_name_the_later_counts(project: Path, store: Any) -> None:
    one, other = store.path("a", "x"), store.path("b", "x")
    with pytest.warns(UserWarning, match="two data references are named 'x'; DataReference") as w:
        estimator = _estimator(project, script_params={"--a": one}, inputs=[other])
    assert "Give one of them another data_reference_name" in str(w[0].message)
    assert estimator.run_config.data_references["x"].path_on_data_store == "b"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _estimator(project, script_params={"--a": one}, inputs=[one, one])


def test_what_is_submitted(project: Path, experiment: Any, store: Any, target: FakeTarget) -> None:
    estimator = _estimator(project, script_params={"--d": store.path("train", "t")})
    estimator.run_config.data_references["more"] = DataReferenceConfiguration("photos", "upload")
    run = experiment.submit(estimator)
    assert _data(target) == {"t": ("train", "mount"), "more": ("", "upload")}
    assert target.record["spec"]["arguments"] == ["--d", "$AZUREML_DATAREFERENCE_t"]
    shown = run.get_details()["runDefinition"]
    assert shown["arguments"] == ["--d", "$AZUREML_DATAREFERENCE_t"]
    assert list(shown["dataReferences"]) == ["t", "more"]


def test_overrides_are_of_one_run(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    estimator = _estimator(
        project,
        script_params={"--flag": "", "--d": store.path("train", "first"), "--k": store},
        inputs=[store.path("x", "in").as_upload()],
    )
    before = plain.section(estimator.run_config)
    experiment.submit(estimator, script_params={"--d": store.path("train", "second")})
    assert _data(target) == {
        "photos": ("", "mount"),
        "in": ("x", "upload"),
        "second": ("train", "mount"),
    }
    assert target.record["spec"]["arguments"] == [
        *("--flag", "--d", "$AZUREML_DATAREFERENCE_second"),
        *("--k", "$AZUREML_DATAREFERENCE_photos"),
    ]
    experiment.submit(estimator, inputs=[store.path("y", "other").as_upload()], tags={"a": "b"})
    assert _data(target) == {
        "first": ("train", "mount"),
        "photos": ("", "mount"),
        "other": ("y", "upload"),
    }
    assert target.record["tags"] == {"a": "b"}
    experiment.submit(estimator, source_directory_data_store=store)
    assert target.record["run_configuration"]["sourceDirectoryDataStore"] == "photos"
    assert plain.section(estimator.run_config) == before
    experiment.submit(estimator)
    assert set(_data(target)) == {"first", "photos", "in"}


def test_references_changed_by_hand_stay_under_an_override(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    estimator = _estimator(project, inputs=[store.path("train", "x")])
    estimator.run_config.data_references["x"].mode = "download"
    estimator.run_config.data_references["own"] = store.path("train", "y").to_config()
    experiment.submit(estimator, script_params={"--n": 1})
    assert _data(target) == {"x": ("train", "download"), "own": ("train", "mount")}


def test_resume_from_is_last_and_changes_nothing_of_the_caller(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    params = {"--lr": 0.1}
    estimator = _estimator(project, script_params=params, resume_from=DataPath(store, "train"))
    resume = ["--resume-from", "$AZUREML_DATAREFERENCE_MODEL_LOCATION"]
    assert estimator.run_config.arguments == ["--lr", 0.1, *resume]
    assert estimator.run_config.data_references["MODEL_LOCATION"].mode == "mount"
    assert params == {"--lr": 0.1}
    experiment.submit(estimator, script_params={"--n": 2})
    assert target.record["spec"]["arguments"] == ["--lr", "0.1", "--n", "2", *resume]
    assert _data(target) == {"MODEL_LOCATION": ("train", "mount")}


def test_a_data_path_is_a_mount_of_it_wherever_data_may_stand(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    place, named = DataPath(store, "train"), DataPath(store, "train", "t")
    for submitted in (
        _estimator(project, script_params={"--d": named}),
        _estimator(project, script_params={"--d": ["x", named]}),
        _estimator(project, script_params={named: ""}),
        _estimator(project, inputs=[named]),
        ScriptRunConfig(project, "train.py", ["--d", named]),
        ScriptRunConfig(project, command=["cat", named]),
    ):
        experiment.submit(submitted)
        assert _data(target) == {"t": ("train", "mount")}
    experiment.submit(ScriptRunConfig(project, "train.py", ["--d", place, "--again", place]))
    ((name, found),) = _data(target).items()
    assert found == ("train", "mount")
    expanded = f"$AZUREML_DATAREFERENCE_{name}"
    assert target.record["spec"]["arguments"] == ["--d", expanded, "--again", expanded]
    experiment.submit(ScriptRunConfig(project, "train.py", [DataPath(store)]))
    assert _data(target) == {"photos": ("", "mount")}


def test_a_script_run_config_resumes_too(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    resume = ["--resume-from", "$AZUREML_DATAREFERENCE_MODEL_LOCATION"]
    given = ["--lr", 0.1]
    config = ScriptRunConfig(project, "train.py", given, resume_from=DataPath(store, "train"))
    assert (config.arguments, given) == (["--lr", 0.1, *resume], ["--lr", 0.1])
    experiment.submit(config)
    assert _data(target) == {"MODEL_LOCATION": ("train", "mount")}
    shared = ScriptRunConfig(project, "train.py", given).run_config
    before = plain.section(shared)
    config = ScriptRunConfig(project, run_config=shared, resume_from=DataPath(store, "train"))
    experiment.submit(config)
    assert target.record["spec"]["arguments"] == ["--lr", "0.1", *resume]
    assert plain.section(shared) == before
    command = ["python", "train.py", "$AZUREML_DATAREFERENCE_MODEL_LOCATION"]
    config = ScriptRunConfig(project, command=command, resume_from=DataPath(store, "train"))
    experiment.submit(config)
    assert target.record["spec"]["command"] == command
    assert _data(target) == {"MODEL_LOCATION": ("train", "mount")}


def test_references_in_arguments_and_commands(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    given = ["--d", store.path("train", "t"), store]
    config = ScriptRunConfig(project, "train.py", given)
    config.run_config.data_references = {"r": store.path("train", "ignored").as_upload("x")}
    experiment.submit(config)
    assert target.record["spec"]["arguments"] == [
        *("--d", "$AZUREML_DATAREFERENCE_t", "$AZUREML_DATAREFERENCE_photos"),
    ]
    assert _data(target) == {
        "r": ("train", "upload"),
        "t": ("train", "mount"),
        "photos": ("", "mount"),
    }
    assert given[2] is store
    experiment.submit(ScriptRunConfig(project, command=["cat", store.path("train", "t")]))
    assert target.record["spec"]["command"] == ["cat", "$AZUREML_DATAREFERENCE_t"]


@pytest.mark.parametrize("as_name", [False, True])
def test_source_directory_data_store(
    project: Path, experiment: Any, store: Any, target: FakeTarget, as_name: bool
) -> None:
    given = "photos" if as_name else store
    estimator = _estimator(project, source_directory_data_store=given)
    assert estimator.run_config.source_directory_data_store == "photos"
    run = experiment.submit(estimator)
    assert _data(target) == {"photos": ("", "mount")}
    assert [warning["message"] for warning in run.get_details()["warnings"]] == [
        "source_directory_data_store='photos' places nothing elsewhere: the source stays in the "
        "workspace, and the script finds the datastore at $AZUREML_DATAREFERENCE_photos"
    ]


def test_several_nodes_share_the_workspace_and_no_store(
    project: Path, experiment: Any, target: FakeTarget
) -> None:
    """SDK v1 laid the source on the default datastore for them (spec 2.9)."""
    estimator = _estimator(project)
    estimator.run_config.node_count = 2
    estimator.run_config.communicator = "OpenMpi"
    experiment.submit(estimator)
    assert _data(target) == {}
    assert target.record["run_configuration"]["sourceDirectoryDataStore"] is None


@pytest.mark.parametrize("braces", ["{}", "{{{}}}"])
def test_a_reference_that_is_only_named_is_an_error_before_the_queue(
    project: Path, experiment: Any, store: Any, target: FakeTarget, braces: str
) -> None:
    word = "$" + braces.format("AZUREML_DATAREFERENCE_t")
    text = (
        f"{word!r} names the data reference 't', which the run has not got; give the DataReference "
        "itself as an argument, in inputs, or as run_config.data_references['t'] = "
        "reference.to_config()"
    )
    with pytest.raises(UserErrorException, match=re.escape(text)):
        experiment.submit(ScriptRunConfig(project, "train.py", [word]))
    with pytest.raises(UserErrorException, match=re.escape(f"'cat {word}' names the data ref")):
        experiment.submit(ScriptRunConfig(project, command=f"cat {word}"))
    config = ScriptRunConfig(project, "train.py", [word])
    config.run_config.environment_variables["AZUREML_DATAREFERENCE_t"] = "/mine"
    experiment.submit(config)
    config = ScriptRunConfig(project, "train.py", [word])
    config.run_config.data_references["t"] = store.path("train").to_config()
    experiment.submit(config)
    assert _data(target) == {"t": ("train", "mount")}


def test_references_of_a_runconfig_file(
    project: Path, experiment: Any, store: Any, target: FakeTarget
) -> None:
    (project / ".azureml").mkdir()
    (project / ".azureml/mine.runconfig").write_text(
        "script: train.py\n"
        "dataReferences:\n"
        "  t:\n"
        "    dataStoreName: photos\n"
        "    pathOnDataStore: train\n"
        "    mode: download\n"
        "    overwrite: true\n"
        "    pathOnCompute: ''\n"
        "sourceDirectoryDataStore: photos\n"
    )
    experiment.submit(ScriptRunConfig(project, run_config="mine"))
    assert _data(target) == {"photos": ("", "mount"), "t": ("train", "download")}
    assert target.record["spec"]["data"][1]["path_on_compute"] is None


_REFUSED: list[tuple[Any, str]] = [
    (["x"], "data_references is ['x'] of type list; give a dict such as {ref.data_reference_name:"),
    ({"x": "photos"}, "data_references['x'] is 'photos' of type str; give a DataReferenceConfigu"),
]


@pytest.mark.parametrize(("references", "text"), _REFUSED)
def test_data_references_of_another_kind(
    project: Path, experiment: Any, target: FakeTarget, references: Any, text: str
) -> None:
    config = ScriptRunConfig(project, "train.py")
    config.run_config.data_references = references
    with pytest.raises(UserErrorException, match=re.escape(text)):
        planning.plan(config, experiment.workspace, experiment="exp")
