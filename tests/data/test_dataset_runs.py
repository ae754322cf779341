"""Whole runs with datasets: read as paths and as themselves, left as outputs, read again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config import resubmission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.consumption import DatasetConsumptionConfig
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset
from runyard.record import jsonl
from runyard.record.states import Reason
from runyard.testing import runs
from tests.data.conftest import files_of
from tests.data.test_runs import finished, report
from tests.s3_server import S3

REPORT = """
import json, os, sys
from runyard import Run
run = Run.get_context()
def tree(top):
    return {os.path.relpath(os.path.join(p, f), top): open(os.path.join(p, f)).read()
            for p, _, names in os.walk(top) for f in names}
def shown(given):
    if isinstance(given, str):
        return open(given).read() if os.path.isfile(given) else tree(given)
    return [given.id, given.name, given.version, given.to_path()]
names = os.environ["AZUREML_DATASET_ENVIRONMENT_VARS"]
print(json.dumps({"argv": sys.argv[1:], "inputs": {k: shown(v) for k, v in
    run.input_datasets.items()}, "names": names}))
"""


class Place:
    """A datastore, and its files as anybody else sees them."""

    def __init__(self, datastore: Any, files: Callable[[], dict[str, str]]) -> None:
        self.datastore, self.files = datastore, files

    def below(self, path: str) -> dict[str, str]:
        top = f"{path}/"
        return {k.removeprefix(top): v for k, v in self.files().items() if k.startswith(top)}


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, workspace: Any) -> Place:
    """The same files on a folder of this machine, and on object storage."""
    if request.param == "folder":
        store = request.getfixturevalue("store")
        return Place(store, lambda: files_of(Path(store.container_name)))
    s3: S3 = request.getfixturevalue("s3")
    bucket = s3.bucket(train__a="A", train__deep__b="B", labels="L")
    store = Datastore.register(workspace, "far", bucket, **s3.options)
    return Place(store, lambda: {k: v.decode() for k, v in s3.files(bucket).items()})


TRAIN = {"a.txt": "A", "deep/b.txt": "B"}


def test_files_in_every_mode(workspace: Any, place: Place, submit: Any) -> None:
    photos = Dataset.File.from_files((place.datastore, "train")).register(workspace, "all photos")
    run = submit(
        REPORT,
        *("--mount", photos.as_named_input("mounted").as_mount()),
        *("--copy", photos.as_named_input("copied").as_download("data/here")),
        *("--direct", photos.as_named_input("direct")),
        *("--latest", DatasetConsumptionConfig("latest", (workspace, "all photos"), "mount")),
    )
    found = report(run)
    work = run.directory.work
    assert found["argv"][0::2] == ["--mount", "--copy", "--direct", "--latest"]
    assert found["argv"][3:6:2] == [f"{work}/data/here", photos.id]
    assert found["inputs"] == {
        "mounted": TRAIN,
        "copied": TRAIN,
        "direct": [photos.id, "all photos", 1, ["/a.txt", "/deep/b.txt"]],
        "latest": TRAIN,
    }
    assert found["names"] == "mounted:mount,copied:download,direct:direct,latest:mount"
    details = run.get_details()
    assert details["inputDatasets"][1] == {
        "dataset": {"id": photos.id, "name": "all photos", "version": 1},
        "consumptionDetails": {
            "type": "RunInput",
            "inputName": "copied",
            "mechanism": "Download",
            "pathOnCompute": "data/here",
        },
    }
    assert details["inputDatasets"][0]["dataset"].to_path() == ["/a.txt", "/deep/b.txt"]
    section = details["runDefinition"]["data"]["latest"]
    assert section["dataLocation"]["dataset"] == {
        "id": photos.id,
        "name": "all photos",
        "version": 1,
    }
    assert json.loads(json.dumps(details))["inputDatasets"][0]["dataset"]["id"] == photos.id
    assert {name: item.id for name, item in run.input_datasets.items()} == dict.fromkeys(
        ("mounted", "copied", "direct", "latest"), photos.id
    )


WRITE = """
import os, sys
from runyard import Run
run = Run.get_context()
folder = run.output_datasets["left"]
assert folder == os.environ["left"] == os.environ["AZUREML_DATAREFERENCE_left"] == sys.argv[1]
assert os.environ["AZUREML_DATASET_FILE_OUTPUTS"] == "left"
os.makedirs(os.path.join(folder, "deep"), exist_ok=True)
for name in ("a.txt", "deep/b.txt"):
    with open(os.path.join(folder, name), "w") as stream:
        stream.write(name)
sys.exit(int(sys.argv[2]))
"""
LEFT = {"a.txt": "a.txt", "deep/b.txt": "deep/b.txt"}


def output(place: Place, mode: str) -> Any:
    made = OutputFileDatasetConfig("left", (place.datastore, "left/{run-id}/{output-name}"))
    made = made.as_upload() if mode == "upload" else made
    return made.register_on_complete("what is left", "of a run", {"of": "run"})


def test_one_file_of_the_workspace_is_mounted_as_itself(workspace: Any, submit: Any) -> None:
    store = workspace.get_default_datastore()
    path = Path(store.container_name, "one.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1")
    one = Dataset.File.from_files((store, "one.txt"))
    run = submit(
        REPORT,
        one.as_named_input("as_it_is").as_mount(),
        one.as_named_input("elsewhere").as_mount("here/"),
    )
    found = report(run)
    assert found["argv"] == [str(path), f"{run.directory.work}/here/one.txt"]
    assert found["inputs"] == {"as_it_is": "1", "elsewhere": "1"}


@pytest.mark.parametrize("mode", ["mount", "upload"])
def test_an_output_is_registered_and_read_again(
    workspace: Any, place: Place, submit: Any, mode: str
) -> None:
    left = output(place, mode)
    run = submit(WRITE, left, 0)
    finished(run)
    assert place.below(f"left/{run.id}/left") == LEFT
    registered = Dataset.get_by_name(workspace, "what is left")
    assert (registered.version, registered.description, registered.tags) == (
        *(1, "of a run"),
        {"of": "run"},
    )
    assert registered.to_path() == ["/a.txt", "/deep/b.txt"]
    assert run.output_datasets["left"].id == registered.id
    detail = run.get_details()["outputDatasets"]
    assert detail == [
        {
            "dataset": {"id": registered.id, "name": "what is left", "version": 1},
            "outputType": "RunOutput",
            "outputDetails": {"outputName": "left"},
        }
    ]
    assert detail[0]["dataset"].to_path() == registered.to_path()
    # The same output is the input of the next run.
    found = report(submit(REPORT, left.as_input("again"), left.as_input("copy").as_download()))
    assert found["inputs"] == {"again": LEFT, "copy": LEFT}
    finished(submit(WRITE, left, 0))
    assert Dataset.get_by_name(workspace, "what is left").version == 2


@pytest.mark.parametrize("mode", ["mount", "upload"])
def test_the_output_of_a_failed_run_is_kept_and_not_registered(
    workspace: Any, place: Place, submit: Any, mode: str
) -> None:
    left = output(place, mode)
    run = submit(WRITE, left, 3)
    finished(run, Reason.SCRIPT_EXIT_CODE)
    assert place.below(f"left/{run.id}/left") == LEFT
    assert Dataset.get_all(workspace) == {}
    assert run.get_details()["outputDatasets"] == []
    assert run.output_datasets["left"].to_path() == ["/a.txt", "/deep/b.txt"]
    with pytest.raises(UserErrorException) as caught:
        submit(REPORT, left.as_input("again"))
    path = f"left/{run.id}/left"
    assert caught.value.message == (
        f"input 'again': the output 'left' is of run {run.id}, which is Failed; wait for it with "
        f"run.wait_for_completion(), or use what there is with "
        f"Dataset.File.from_files((datastore, '{path}'))"
    )


def test_no_dataset_takes_the_place_of_what_programs_need(place: Place, submit: Any) -> None:
    photos = Dataset.File.from_files((place.datastore, "train"))
    with pytest.warns(UserWarning, match="'PATH' is that of a variable which every program needs"):
        given = photos.as_named_input("PATH").as_mount()
    found = report(submit(REPORT, given))
    assert found["inputs"] == {"PATH": TRAIN}


OLD = """
import sys
from azureml.core import Dataset, Datastore, Run
from azureml.exceptions import UserErrorException
run = Run.get_context()
print(sys.version_info[:2])
direct, workspace = run.input_datasets["direct"], run.experiment.workspace
assert Dataset.get_by_id(workspace, sys.argv[1]).to_path() == direct.to_path()
assert Dataset.get_by_name(workspace, "photos", version=1).id == sys.argv[1]
assert workspace.datasets["photos"].version == 1
copies = direct.download("copies")
print(sorted(open(path).read() for path in copies))
with direct.mount() as view:
    print(open(view.mount_point + "/deep/b.txt").read())
print(open(run.input_datasets["mounted"] + "/a.txt").read())
with open(run.output_datasets["left"] + "/c.txt", "w") as stream:
    stream.write("C")
assert workspace.get_default_datastore().name == "workspaceblobstore"
assert sys.argv[4] in workspace.datastores
store = Datastore.get(workspace, sys.argv[4])
made = store.upload_files(["copies/a.txt", "copies/deep/b.txt"], target_path="made")
assert Dataset.File.from_files((store, "made")).to_path() == ["/a.txt", "/deep/b.txt"]
assert Dataset.File.from_files(made).take(1).to_path() == ["/a.txt"]
store.upload("copies", "made", overwrite=True, show_progress=False)
assert store.download("back", prefix="made/deep") == 1
print(open("back/made/deep/b.txt").read())
try:
    Datastore(workspace, "gone")
except UserErrorException as error:
    print(error.message.partition(" in /")[0])
"""


@pytest.mark.integration
@pytest.mark.parametrize("python", ["python3.6", "python3.8"])
def test_old_pythons_have_datasets(  # noqa: PLR0917
    workspace: Any, place: Place, experiment: Experiment, tool: Any, tmp_path: Path, python: str
) -> None:
    photos = Dataset.File.from_files((place.datastore, "train")).register(workspace, "photos")
    code = "import sys; print(sys.executable)"
    done = subprocess.run([tool(python), "-c", code], capture_output=True, text=True, check=True)
    environment = Environment("old")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = done.stdout.strip()
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(OLD)
    left = OutputFileDatasetConfig("left", (place.datastore, "left"))
    arguments = [photos.as_named_input("direct"), photos.as_named_input("mounted").as_mount(), left]
    arguments.append(place.datastore.name)
    run = experiment.submit(
        ScriptRunConfig(tmp_path / "source", "train.py", arguments, environment=environment)
    )
    finished(run)
    said = runs.log_of(run.directory).splitlines()
    for line in (f"(3, {python[-1]})", "['A', 'B']", "Uploading an estimated of 2 files"):
        assert line in said
    assert said[-2:] == ["B", "there is no datastore 'gone'"]
    assert place.below("made") == {"a.txt": "A", "deep/b.txt": "B"}
    assert place.below("left") == {"c.txt": "C"}


def test_the_output_of_a_cancelled_run_is_kept_and_not_registered(
    workspace: Any, place: Place, submit: Any
) -> None:
    script = WRITE.replace("sys.exit(", "import time; print('ready'); time.sleep(").replace(
        "int(sys.argv[2])", "60"
    )
    run = submit(script, output(place, "mount"))
    runs.wait_for(lambda: "ready" in runs.log_of(run.directory))
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert place.below(f"left/{run.id}/left") == LEFT
    assert Dataset.get_all(workspace) == {}


def test_a_registration_that_fails_is_the_end_of_the_run_and_its_files_are_kept(
    workspace: Any, store: Any, submit: Any
) -> None:
    Path(workspace.path, "datasets").write_text("no folder")
    left = OutputFileDatasetConfig("left", (store, "left"))
    run = submit(WRITE, left.register_on_complete("what is left"), 0)
    state = finished(run, Reason.DATA_FAILED)
    said = state.detail["error"]["message"]
    assert (
        "output 'left': its files are stored, and it could not be registered as 'what is le" in said
    )
    assert "Not a directory" in said
    assert files_of(Path(store.container_name, "left")) == LEFT
    assert run.output_datasets["left"].to_path() == ["/a.txt", "/deep/b.txt"]


def test_a_rerun_reads_the_same_version_and_leaves_its_own_output(
    workspace: Any, place: Place, submit: Any
) -> None:
    photos = Dataset.File.from_files((place.datastore, "train")).register(workspace, "photos")
    latest = DatasetConsumptionConfig("in_", (workspace, "photos"), "mount")
    left = OutputFileDatasetConfig("left", (place.datastore, "left/{run-id}"))
    first = submit(REPORT, latest, left.register_on_complete("left"))
    assert report(first)["inputs"] == {"in_": TRAIN}
    newer = Dataset.File.from_files((place.datastore, "labels.txt"))
    newer.register(workspace, "photos", create_new_version=True)
    again = resubmission.resubmit(first.directory, {})
    runs.finish(again)
    assert json.loads(runs.log_of(again).splitlines()[-1])["inputs"] == {"in_": TRAIN}
    assert [found["id"] for found in jsonl.read_json(again.run_json)["spec"]["datasets"]] == [
        photos.id
    ]
    registered = Dataset.get_by_name(workspace, "left")
    assert registered.version == 2
    assert registered._definition["sources"][0]["path"] == f"left/{again.id}/**"


def test_a_rerun_without_its_files_is_an_error(workspace: Any, store: Any, submit: Any) -> None:
    photos = Dataset.File.from_files((store, "train"))
    first = submit(REPORT, photos.as_named_input("in_").as_mount())
    finished(first)
    Path(store.container_name, "train").rename(Path(store.container_name, "other"))
    with pytest.raises(UserErrorException, match=r"input 'in_': there is no file at 'train'"):
        resubmission.resubmit(first.directory, {})
