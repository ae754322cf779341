from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from runyard.errors import UserErrorException, WebserviceException
from runyard.history.model import Model
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from tests.history.helpers import make_run


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    return Workspace.create("my-ws")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1")
    return path


def test_register_says_so_and_counts_versions(
    workspace: Workspace, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Model.register(
        workspace,
        str(weights),
        "net",
        tags={"a": 1},
        properties={"p": None},
        description="d",
        datasets=[("training", "mnist")],
        model_framework=Model.Framework.PYTORCH,
        model_framework_version="1.6",
    )
    assert capsys.readouterr().out == "Registering model net\n"
    assert (first.name, first.version, first.id) == ("net", 1, "net:1")
    assert (first.tags, first.properties, first.description) == ({"a": "1"}, {"p": ""}, "d")
    assert (first.model_framework, first.model_framework_version) == ("PyTorch", "1.6")
    assert first.datasets == {"training": ["mnist"]}
    assert first.workspace is workspace
    assert Model.register(workspace, weights, "net").version == 2
    assert Model(workspace, "net").version == 2
    assert Model(workspace, "net").workspace is workspace
    assert Model(workspace, "net").run is None
    assert Model(workspace, "net", version=1).tags == {"a": "1"}
    assert Model(workspace, id="net:1").description == "d"
    assert workspace.models["net"].version == 2


def test_what_cannot_be_registered(workspace: Workspace, weights: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder 'missing.bin'"):
        Model.register(workspace, "missing.bin", "net")
    with pytest.raises(WebserviceException, match=r"'1.6' needs model_framework too"):
        Model.register(workspace, weights, "net", model_framework_version="1.6")
    with pytest.raises(UserErrorException, match=r"model name '-net' is not valid"):
        Model.register(workspace, weights, "-net")
    assert workspace.models == {}


def test_a_model_that_is_not_there(workspace: Workspace, weights: Path) -> None:
    with pytest.raises(WebserviceException, match=r"ModelNotFound: no model 'net' in this"):
        Model(workspace, "net")
    Model.register(workspace, weights, "net", tags={"a": "1"})
    with pytest.raises(WebserviceException, match=r"net' version 7 .*registered: 1"):
        Model(workspace, "net", version=7)
    with pytest.raises(WebserviceException, match=r"no registered model has name='net', tags="):
        Model(workspace, "net", tags=["b"])


def test_a_folder_and_chosen_files_of_it(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (folder / name).write_text(name)
    whole = Model.register(workspace, folder, "whole")
    part = Model.register(workspace, folder, "part", child_paths=["a", "sub/c"])
    assert Path(whole.download(str(tmp_path / "out")), "sub", "c").read_text() == "sub/c"
    target = Path(part.download(str(tmp_path / "out2")))
    assert sorted(str(p.relative_to(target)) for p in target.rglob("*")) == ["a", "sub", "sub/c"]
    with pytest.raises(WebserviceException, match=r"exists already; pass exist_ok=True"):
        part.download(str(tmp_path / "out2"))
    assert part.download(str(tmp_path / "out2"), exist_ok=True) == str(target)
    with pytest.raises(WebserviceException, match=r"'../weights' lies outside"):
        Model.register(workspace, folder, "part", child_paths=["../weights"])


def test_list_filters(workspace: Workspace, weights: Path) -> None:
    Model.register(workspace, weights, "a", tags={"x": "1"})
    Model.register(workspace, weights, "a", tags={"x": "2"}, model_framework="Onnx")
    Model.register(workspace, weights, "b", properties={"p": "1"}, datasets=[("t", "mnist")])

    def ids(**filters: object) -> list[str]:
        return [model.id for model in Model.list(workspace, **filters)]  # type: ignore[arg-type]

    assert ids() == ["b:1", "a:2", "a:1"]
    assert ids(name="a") == ["a:2", "a:1"]
    assert ids(latest=True) == ["b:1", "a:2"]
    assert ids(tags=["x"]) == ["a:2", "a:1"]
    assert ids(tags=[["x", "1"]]) == ["a:1"]
    assert ids(tags=["x"], latest=True) == ["a:2"]
    assert ids(properties=[["p", "1"]]) == ["b:1"]
    assert ids(model_framework="Onnx") == ["a:2"]
    assert ids(dataset_id="mnist") == ["b:1"]
    photos = Dataset.File.from_files("https://example.org/photos.zip", validate=False)
    Model.register(workspace, weights, "c", datasets=[("training", photos)])
    assert ids(dataset_id=photos.id) == ["c:1"]
    assert ids(run_id="none") == []
    assert Model(workspace, "a", tags={"x": "1"}).version == 1


def test_labels_change_in_the_file(workspace: Workspace, weights: Path) -> None:
    model = Model.register(workspace, weights, "net", tags={"a": "1"}, properties={"p": "1"})
    model.add_tags({"b": 2})
    model.remove_tags(["a", "never"])
    model.add_properties({"q": "2", "p": "1"})
    with pytest.raises(WebserviceException, match=r"property 'p' is already '1' and cannot be"):
        model.add_properties({"p": "3"})
    model.update(description="new")
    model.update_tags_properties(add_tags={"c": "3"}, remove_tags=["b"], add_properties={"r": "1"})
    model.add_dataset_references([("test", "mnist")])
    for known in (model, Model(workspace, "net")):
        assert known.tags == {"c": "3"}
        assert known.properties == {"p": "1", "q": "2", "r": "1"}
        assert known.description == "new"
        assert known.datasets == {"test": ["mnist"]}
    model.update(tags={"only": "1"})
    assert Model(workspace, "net").tags == {"only": "1"}


def _tag(path: str, number: int) -> None:
    Model(Workspace.at(path), "net").add_tags({f"t{number}": "1"})


def test_tags_of_several_processes_are_all_kept(workspace: Workspace, weights: Path) -> None:
    Model.register(workspace, weights, "net")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_tag, args=(workspace.path, n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(Model(workspace, "net").tags) == ["t0", "t1", "t2"]


def test_delete_serialize_and_run(workspace: Workspace, weights: Path) -> None:
    run = workspace.get_run(make_run(workspace.directory).id)
    run.upload_file("outputs/w.bin", str(weights))
    model = run.register_model("net", "outputs/w.bin")
    assert isinstance(model, Model)
    assert model.run == run
    assert model.experiment_name == "exp"
    payload = json.loads(json.dumps(model.serialize()))
    assert payload["id"] == "net:1"
    assert Model.deserialize(workspace, payload).id == "net:1"
    assert Path(Model.get_model_path("net", _workspace=workspace)).read_bytes() == b"1"
    model.delete()
    assert Model.list(workspace) == []
    with pytest.raises(WebserviceException):
        Model.deserialize(workspace, payload)


def test_a_version_number_is_never_given_twice(workspace: Workspace, weights: Path) -> None:
    for expected in (1, 2):
        model = Model.register(workspace, str(weights), "net")
        assert model.version == expected
    model.delete()
    assert Model.register(workspace, str(weights), "net").version == 3
    assert [found.version for found in Model.list(workspace)] == [3, 1]


def test_models_are_not_deployed() -> None:
    with pytest.raises(WebserviceException, match=r"runyard does not deploy models"):
        Model.deploy("ws", "service", [])
