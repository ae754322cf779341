"""Data of runs in containers of the real docker and podman."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from runyard.config.script_run_config import ScriptRunConfig
from runyard.containers.engine import Engine
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
