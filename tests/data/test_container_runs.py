"""Data of runs in containers of the real docker and podman."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from runyard.config.script_run_config import ScriptRunConfig
from runyard.containers.engine import Engine
from runyard.data.datastore import Datastore
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.data.reference import DataReference
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.job.datasets.api import Dataset
from runyard.record.states import Reason
from runyard.testing import runs
from tests.container_engines import BASE
from tests.data.conftest import files_of
from tests.data.test_runs import PHOTOS, REPORT, TRAIN, TRAIN_ON
from tests.s3_server import S3


def _submit(experiment: Experiment, tmp_path: Path, script: str, *given: Any, **more: Any) -> Any:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    environment = Environment.from_docker_image("base", BASE)
    environment.python.interpreter_path = "python3"
    config = ScriptRunConfig(source, "train.py", list(given), environment=environment, **more)
    run = experiment.submit(config)
    state = runs.finish(run.directory, timeout_s=60)
    assert state.reason is Reason.COMPLETED, (state.detail, runs.log_of(run.directory))
    return run


def test_a_container_sees_what_the_machine_does(
    engine: Engine, experiment: Experiment, store: Any, tmp_path: Path
) -> None:
    script = f"{REPORT}\nfor name in ('r', 's'): open(seen[name] + '/new.txt', 'w').write('N')"
    run = _submit(
        *(experiment, tmp_path, script),
        *(store, store.path("train", "again"), store.path("labels.txt", "file")),
        DataReference(store, "link", "train", path_on_compute="linked"),
        DataReference(store, "shown", "train", path_on_compute="/data/shown"),
        store.path("train", "copy").as_download(),
        store.path("train", "there").as_download("/data/there"),
        store.path("out", "r").as_upload("results"),
        store.path("out2", "s").as_upload("/data/results"),
    )
    found = json.loads(runs.log_of(run.directory).splitlines()[-1])
    names = ("again", "link", "shown", "copy", "there")
    assert found["trees"] == {
        **dict.fromkeys(names, TRAIN),
        "photos": PHOTOS,
        "file": "L",
        "r": {},
        "s": {},
    }
    assert found["argv"][:2] == [store.container_name, f"{store.container_name}/train"]
    assert found["seen"]["photos"] == store.container_name
    assert (found["seen"]["shown"], found["seen"]["there"]) == ("/data/shown", "/data/there")
    assert files_of(Path(store.container_name)) == {
        **PHOTOS,
        "out/new.txt": "N",
        "out2/new.txt": "N",
    }
    assert not os.path.exists("/data/shown")
    assert not os.path.exists(run.directory.join("data"))


def test_a_training_in_a_container_resumes_from_a_run(
    docker: Engine, experiment: Experiment, tmp_path: Path
) -> None:
    first = _submit(experiment, tmp_path, TRAIN_ON)
    second = _submit(experiment, tmp_path, TRAIN_ON, resume_from=first)
    assert Path(second.directory.outputs, "checkpoint.txt").read_text() == "20"


def test_an_upload_does_not_take_files_of_this_machine_for_those_of_the_container(
    docker: Engine, experiment: Experiment, store: Any, tmp_path: Path
) -> None:
    (tmp_path / "private").write_text("of this machine")
    script = (
        "import os, sys\nos.chdir(sys.argv[1])\nopen('own', 'w').write('O')\n"
        f"os.symlink('own', 'inside')\nos.symlink({str(tmp_path / 'private')!r}, 'outside')\n"
    )
    run = _submit(experiment, tmp_path, script, store.path("out", "s").as_upload("/data/results"))
    found = files_of(Path(store.container_name))
    assert {name: found[name] for name in found if name not in PHOTOS} == {
        "out/own": "O",
        "out/inside": "O",
    }
    text = Path(run.directory.data_log).read_text()
    assert "links out of the workspace, not copied from a container: " in text
    assert text.count("/outside") == 1


IN_CONTAINER = """
import json, os
from azureml.core import Dataset, Run
run = Run.get_context()
given, left = run.input_datasets, run.output_datasets
def tree(top):
    return {os.path.relpath(os.path.join(p, f), top): open(os.path.join(p, f)).read()
            for p, _, names in os.walk(top) for f in names}
read = {name: tree(path) for name, path in given.items() if isinstance(path, str)}
local = {f["path"]: open(f["local"]).read() for f in given["direct"]._files()}
same = Dataset.get_by_id(run.experiment.workspace, given["direct"].id)
for name, folder in left.items():
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "new.txt"), "w") as stream:
        stream.write(name)
try:
    open(os.path.join(given["mounted"], "mine.txt"), "w")
    writable = True
except OSError:
    writable = False
print(json.dumps({"read": read, "local": local, "same": same.to_path(), "placed": given["placed"],
                  "writable": writable}))
"""


def test_datasets_in_a_container(
    engine: Engine, experiment: Experiment, store: Any, tmp_path: Path
) -> None:
    photos = Dataset.File.from_files((store, "train"))
    run = _submit(
        *(experiment, tmp_path, IN_CONTAINER),
        photos.as_named_input("direct"),
        photos.as_named_input("mounted").as_mount(),
        photos.as_named_input("copied").as_download(),
        photos.as_named_input("placed").as_download("/data/placed"),
        OutputFileDatasetConfig("a", (store, "left/a")).register_on_complete("left"),
        OutputFileDatasetConfig("b", (store, "left/b"), "/data/left").as_upload(),
    )
    assert json.loads(runs.log_of(run.directory).splitlines()[-1]) == {
        "read": dict.fromkeys(("mounted", "copied", "placed"), TRAIN),
        "local": TRAIN,
        "same": ["/a.txt", "/deep/b.txt"],
        "placed": "/data/placed",
        "writable": False,
    }
    assert files_of(Path(store.container_name, "left")) == {"a/new.txt": "a", "b/new.txt": "b"}
    assert Dataset.get_by_name(experiment.workspace, "left").to_path() == ["/new.txt"]


def test_a_container_sees_datasets_and_what_lies_elsewhere(
    engine: Engine, experiment: Experiment, store: Any, s3: S3, tmp_path: Path
) -> None:
    files = {"train__a": "A", "train__deep__b": "B", "labels": "L"}
    far = Datastore.register(experiment.workspace, "far", s3.bucket(**files), **s3.options)
    output = OutputFileDatasetConfig
    script = f"""{REPORT}
for name in ("wr", "om", "ou", "of", "op"):
    open(seen[name] + "/new.txt", "w").write("N")
refused = []
for name in ("dw", "dg", "df", "dp", "dr"):
    try:
        open(seen[name] + "/a.txt", "w").write("X")
    except OSError as error:
        refused.append(name)
print(json.dumps(refused))
"""
    of = Dataset.File.from_files
    run = _submit(
        *(experiment, tmp_path, script),
        far.path("train", "wr"),
        far.path("train", "wp").as_download("/data/there"),
        far.path("labels.txt", "wf"),
        of((store, "train")).as_named_input("dw").as_mount(),
        of((store, "train/**/*.txt")).as_named_input("dg").as_mount(),
        of((store, "train")).as_named_input("dp").as_mount("/data/p"),
        of((far, "train")).as_named_input("df").as_mount(),
        of((far, "train")).as_named_input("dr").as_mount("rel"),
        of((far, "train")).as_named_input("dd").as_download(),
        of((far, "labels.txt")).as_named_input("d1").as_mount(),
        output("om", (store, "om")).as_mount(),
        output("ou", (store, "ou")).as_upload(),
        output("of", (far, "of")).as_mount(),
        output("op", (far, "op")).as_upload(),
    )
    lines = runs.log_of(run.directory).splitlines()
    found = json.loads(lines[-2])
    trains = ("wr", "wp", "dw", "dg", "dp", "df", "dr", "dd")
    assert {name: found["trees"][name] for name in trains} == dict.fromkeys(trains, TRAIN)
    assert (found["trees"]["wf"], found["trees"]["d1"]) == ("L", "L")
    assert json.loads(lines[-1]) == ["dw", "dg", "df", "dp", "dr"]  # mounts of datasets: read-only
    here = files_of(Path(store.container_name))
    assert here == {**PHOTOS, "om/new.txt": "N", "ou/new.txt": "N"}
    there = s3.files(far.container_name)
    made = {name for name in there if name.endswith("new.txt")}
    assert made == {"train/new.txt", "of/new.txt", "op/new.txt"}
    assert not os.path.exists(run.directory.join("data"))
