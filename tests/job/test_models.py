import io
import json
import os
from pathlib import Path

import pytest

from runyard.errors import (
    ModelNotFoundException,
    ModelPathNotFoundException,
    UserErrorException,
    WebserviceException,
)
from runyard.job import context
from runyard.job.model import Model
from runyard.job.run import Run


@pytest.fixture
def run(interactive_run: Run) -> Run:
    interactive_run.upload_file("outputs/model.pkl", io.BytesIO(b"one"))
    interactive_run.upload_file("outputs/net/a", io.BytesIO(b"a"))
    interactive_run.upload_file("outputs/net/sub/b", io.BytesIO(b"b"))
    return interactive_run


def test_a_file_of_the_run_becomes_a_model(run: Run) -> None:
    model = run.register_model(
        "digits",
        "outputs/model.pkl",
        tags={"area": 1},
        properties={"p": None},
        model_framework=Model.Framework.SCIKITLEARN,
        model_framework_version="0.20.3",
        description="why",
        datasets=[("training", "iris")],
    )
    assert (model.name, model.version, model.id) == ("digits", 1, "digits:1")
    assert (model.run_id, model.experiment_name) == (run.id, "exp")
    assert (model.tags, model.properties, model.description) == ({"area": "1"}, {"p": ""}, "why")
    assert (model.model_framework, model.model_framework_version) == ("ScikitLearn", "0.20.3")
    assert model.created_time.utcoffset().total_seconds() == 0
    assert Path(model.url[len("file://") :]).read_bytes() == b"one"
    assert run.register_model("digits", "outputs/net").version == 2


def test_the_model_path_is_the_name_unless_given(run: Run) -> None:
    run.upload_file("bare", io.BytesIO(b"x"))
    assert run.register_model("bare").download().endswith("bare")
    with pytest.raises(ModelPathNotFoundException) as caught:
        run.register_model("model.pkl")
    assert str(caught.value) == (
        f"run {run.id} has no file or folder 'model.pkl' to register. Its files: "
        "bare, outputs/model.pkl, outputs/net/a, outputs/net/sub/b"
    )


def test_files_in_outputs_can_be_registered_before_the_run_ends(submitted_run: Run) -> None:
    os.chdir(submitted_run.directory.work)
    Path("outputs/model.pkl").write_bytes(b"m")
    assert submitted_run.register_model("m", "outputs/model.pkl").version == 1
    assert submitted_run.register_model("m", "outputs").version == 2
    path = Model.get_model_path("m")
    assert os.listdir(path) == ["model.pkl"]
    assert Path(Model.get_model_path("m", version=1)).read_bytes() == b"m"


def test_what_cannot_be_registered(run: Run) -> None:
    with pytest.raises(WebserviceException, match="needs model_framework too"):
        run.register_model("m", "outputs/model.pkl", model_framework_version="1")
    with pytest.raises(UserErrorException, match="model name 'a b' is not valid"):
        run.register_model("a b", "outputs/model.pkl")


def test_models_are_found_by_name_version_and_id(run: Run) -> None:
    workspace = run.experiment.workspace
    for _ in range(2):
        run.register_model("m", "outputs/net")
    assert Model(workspace, "m").version == 2
    assert Model(workspace, "m", version=1).id == "m:1"
    assert repr(Model(workspace, id="m:1")) == "Model(Name: m,\nId: m:1,\nVersion: 1)"
    for arguments in ({"name": "m", "version": 3}, {"id": "m:3"}, {"id": "m"}, {"name": "no"}):
        with pytest.raises(WebserviceException, match="ModelNotFound: no model"):
            Model(workspace, **arguments)


def test_download(run: Run) -> None:
    model = run.register_model("m", "outputs/net")
    assert model.download("target/dir") == "target/dir/net"
    assert Path("target/dir/net/sub/b").read_bytes() == b"b"
    with pytest.raises(WebserviceException, match="'target/dir/net' exists already; pass exist_ok"):
        model.download("target/dir")
    Path("target/dir/net/extra").touch()
    assert model.download("target/dir", exist_ok=True) == "target/dir/net"
    assert sorted(os.listdir("target/dir/net")) == ["a", "sub"]
    assert model.download("target/dir", exists_ok=True) == "target/dir/net"
    single = run.register_model("s", "outputs/model.pkl")
    assert single.download() == "./model.pkl"
    single.download(exist_ok=True)
    assert Path("model.pkl").read_bytes() == b"one"


def test_model_path_outside_a_run(run: Run) -> None:
    with pytest.raises(ModelNotFoundException, match="no workspace was found from here"):
        Model.get_model_path("m")
    Path("m").touch()
    assert Model.get_model_path("m") == "m"
    run.register_model("m", "outputs/model.pkl")
    assert Model.get_model_path("m", _workspace=run.directory.workspace).endswith("/model.pkl")
    with pytest.raises(ModelNotFoundException, match="'m' version 7 in this workspace"):
        Model.get_model_path("m", 7, _workspace=run.experiment.workspace)


def test_a_script_tried_by_hand_registers_nothing_for_good(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path.cwd() / ".runyard"
    folder.mkdir()
    (folder / "workspace.json").write_text(json.dumps({"format": 1, "name": "here"}))
    os.makedirs("deep/er")
    os.chdir("deep/er")
    assert context.find_workspace() == str(folder)
    run = Run.get_context()
    run.upload_file("outputs/m", io.BytesIO(b"m"))
    capsys.readouterr()
    model = run.register_model("tried", "outputs/m", tags={"a": 1})
    assert capsys.readouterr().out == (
        "Attempted to register the model 'tried'; it is kept until this script ends\n"
    )
    assert (model.tags, model.run_id) == ({"a": "1"}, run.id)
    assert Path(model.download("copy")).read_bytes() == b"m"
    assert Model(run.experiment.workspace, "tried").version == model.version
    assert os.listdir(folder) == ["workspace.json"]
    with pytest.raises(ModelNotFoundException, match="no model 'tried'"):
        Model.get_model_path("tried")
