"""Whole runs with data: mounted, downloaded, uploaded, resumed from."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.computes.local import LocalTarget
from runyard.config import resubmission
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data import fingerprints
from runyard.data.datastore import Datastore
from runyard.data.reference import DataReference
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.estimators.estimator import Estimator
from runyard.history.experiment import Experiment
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.data.conftest import files_of, write

REPORT = """
import json, os, sys
def tree(top):
    if os.path.isfile(top):
        return open(top).read()
    return {os.path.relpath(os.path.join(p, f), top): open(os.path.join(p, f)).read()
            for p, _, names in os.walk(top) for f in names}
prefix = "AZUREML_DATAREFERENCE_"
seen = {k[len(prefix):]: v for k, v in os.environ.items() if k.startswith(prefix)}
print(json.dumps({"argv": sys.argv[1:], "seen": seen, "trees": {k: tree(v) for k, v in
                  seen.items()}, "cwd": os.getcwd()}))
"""


def finished(run: Any, reason: Reason = Reason.COMPLETED) -> Any:
    state = runs.finish(run.directory)
    assert state.reason is reason, (state.detail, runs.log_of(run.directory))
    return state


def report(run: Any) -> dict[str, Any]:
    """What the script has printed, after the lines about its data."""
    finished(run)
    found: dict[str, Any] = json.loads(runs.log_of(run.directory).splitlines()[-1])
    return found


PHOTOS = {"labels.txt": "L", "train/a.txt": "A", "train/deep/b.txt": "B"}
TRAIN = {"a.txt": "A", "deep/b.txt": "B"}


def test_a_mount_is_the_folder_itself(store: Any, submit: Any) -> None:
    run = submit(REPORT, "--all", store, "--part", store.path("train", "part"))
    found = report(run)
    root = store.container_name
    assert found["argv"] == ["--all", root, "--part", f"{root}/train"]
    assert found["seen"] == {"photos": root, "part": f"{root}/train"}
    assert found["trees"] == {"photos": PHOTOS, "part": TRAIN}
    log = runs.log_of(run.directory).splitlines()
    assert log[:2] == [
        f"data: photos: {root} (mount of photos)",
        f"data: part: {root}/train (mount of photos:train)",
    ]
    assert Path(run.directory.data_log).read_text().splitlines() == [
        line.removeprefix("data: ") for line in log[:2]
    ]
    assert "system_logs/data.txt" in run.get_file_names()
    assert run.get_details()["runDefinition"]["dataReferences"]["part"] == {
        "dataStoreName": "photos",
        "mode": "mount",
        "pathOnDataStore": "train",
        "pathOnCompute": None,
        "overwrite": False,
    }


def test_the_same_script_sees_the_same_layout_in_every_mode(store: Any, submit: Any) -> None:
    references = [
        DataReference(store, "here", "train"),
        DataReference(store, "link", "train", path_on_compute="linked"),
        DataReference(store, "copy", "train", "download"),
        DataReference(store, "placed", "train", "download", "data/photos"),
        DataReference(store, "file", "labels.txt", "download"),
        DataReference(store, "file_into", "labels.txt", "download", "data/"),
        DataReference(store, "file_as", "labels.txt", "download", "x/y.txt"),
        DataReference(store, "file_here", "labels.txt"),
    ]
    run = submit(REPORT, *references)
    found = report(run)
    folders = dict.fromkeys(("here", "link", "copy", "placed"), TRAIN)
    files = dict.fromkeys(("file", "file_into", "file_as", "file_here"), "L")
    assert found["trees"] == {**folders, **files}
    work = run.directory.work
    assert found["seen"]["link"] == f"{work}/linked"
    assert found["seen"]["placed"] == f"{work}/data/photos"
    assert found["seen"]["file_into"] == f"{work}/data/labels.txt"
    assert found["seen"]["file_as"] == f"{work}/x/y.txt"
    # Copies that nobody changed, and links, are gone; the datastore is as it was.
    assert sorted(os.listdir(work)) == ["logs", "outputs"]
    assert not os.path.exists(run.directory.join("data"))
    assert files_of(Path(store.container_name)) == PHOTOS


def test_a_copy_that_the_script_changed_stays_and_is_no_output(store: Any, submit: Any) -> None:
    script = """
import os, sys
open(sys.argv[1] + "/train/a.txt", "w").write("mine")
open(sys.argv[1] + "/new.txt", "w").write("new")
open(sys.argv[2] + "/kept.txt", "w").write("new")
"""
    run = submit(script, store.as_download("outputs/in"), store.path("train").as_download())
    finished(run)
    assert files_of(Path(run.directory.work)) == {
        "outputs/in/new.txt": "new",
        "outputs/in/train/a.txt": "mine",
    }
    assert list(files_of(Path(run.directory.join("data"))).values()) == ["new"]
    assert files_of(Path(store.container_name)) == PHOTOS


def test_removing_copies_never_reaches_the_datastore(store: Any, submit: Any) -> None:
    script = """
import os, shutil, sys
shutil.rmtree("data"); os.symlink(sys.argv[1], "data")
"""
    run = submit(script, store.container_name, store.as_download("data"))
    finished(run)
    assert files_of(Path(store.container_name)) == PHOTOS


def test_an_absolute_place_is_that_place(store: Any, submit: Any, tmp_path: Path) -> None:
    given = str(tmp_path / "given")
    linked, out = str(tmp_path / "linked"), str(tmp_path / "out")
    run = submit(
        REPORT + f"open({out!r} + '/new.txt', 'w').write('N')",
        store.as_download(given),
        DataReference(store, "m", "train", "mount", linked),
        store.path("up", "u").as_upload(out),
    )
    found = report(run)
    assert found["seen"] == {"photos": given, "m": linked, "u": out}
    assert (found["trees"]["photos"], found["trees"]["m"]) == (PHOTOS, TRAIN)
    assert not os.path.lexists(linked)
    assert files_of(Path(given)) == PHOTOS  # it is not in the run's folder, so it stays
    assert Path(store.container_name, "up/new.txt").read_text() == "N"


def tells_what_stayed(run: Any, overwrite: bool) -> None:
    """The log and inputs.json of a run whose script printed data/labels.txt first."""
    log = runs.log_of(run.directory).splitlines()
    assert log[2] == ("L" if overwrite else "of the source")
    stayed = "; 1 of them, there before and not the same, stayed: labels.txt)"
    assert sum(line.endswith(stayed) for line in log[:2]) == (not overwrite)
    text = (
        "data: up: 1 file was there already, and what the script has left is not stored in place "
        "of that: labels.txt; as_upload(overwrite=True) replaces it"
    )
    assert [line for line in log if "not stored" in line] == ([] if overwrite else [text])
    [read] = [item for item in fingerprints.read(run.directory) if item["name"] == "down"]
    sizes = {path: size for path, size, _ in read["entries"]}
    assert sizes["labels.txt"] == (1 if overwrite else len("of the source"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite_is_honoured(store: Any, submit: Any, tmp_path: Path, overwrite: bool) -> None:
    write(tmp_path / "source", data__labels="of the source")
    script = """
import sys
print(open("data/labels.txt").read())
open(sys.argv[2] + "/labels.txt", "w").write("of the script")
"""
    up = store.path(None, "up").as_upload("up", overwrite=overwrite)
    down = store.path(None, "down").as_download("data", overwrite=overwrite)
    run = submit(script, down, up)
    finished(run)
    tells_what_stayed(run, overwrite)
    left = Path(store.container_name, "labels.txt").read_text()
    assert left == ("of the script" if overwrite else "L")
    log = Path(run.directory.data_log).read_text()
    skipped = [line for line in log.splitlines() if line.startswith("Target already exists. Skip")]
    assert len(skipped) == (0 if overwrite else 2)


def test_an_upload_happens_also_when_the_script_fails(store: Any, submit: Any) -> None:
    script = """
import os, sys
os.makedirs(sys.argv[1] + "/deep")
open(sys.argv[1] + "/deep/w.txt", "w").write("W")
raise SystemExit(3)
"""
    run = submit(script, store.path("results", "r").as_upload())
    state = finished(run, Reason.SCRIPT_EXIT_CODE)
    assert state.detail["exit_code"] == 3
    assert files_of(Path(store.container_name, "results")) == {"deep/w.txt": "W"}
    assert not os.path.exists(run.directory.join("data"))


def test_a_run_whose_results_cannot_be_stored_has_failed(
    store: Any, submit: Any, tmp_path: Path
) -> None:
    script = """
import os, sys
open(sys.argv[1] + "/a.txt", "w").write("A")
open(sys.argv[1] + "/b.txt", "w").write("B")
os.makedirs(sys.argv[2] + "/results/a.txt")
"""
    up = store.path("results", "r").as_upload("up", overwrite=True)
    run = submit(script, up, store.container_name)
    state = finished(run, Reason.DATA_FAILED)
    message = state.detail["error"]["message"]
    assert message.startswith("data reference 'r' (upload of photos:results): Is a directory")
    assert message in Path(run.directory.data_log).read_text()
    assert files_of(Path(store.container_name, "results")) == {"b.txt": "B"}
    assert Path(run.directory.work, "up/a.txt").read_text() == "A"  # nothing is thrown away
    assert list(tmp_path.rglob("*.part~")) == []


def test_data_that_is_gone_is_an_error_before_the_queue(
    store: Any, submit: Any, tmp_path: Path
) -> None:
    run = submit(REPORT, store.path("labels.txt", "x"))
    finished(run)
    Path(store.container_name, "labels.txt").unlink()
    text = re.escape(f"there is nothing at 'labels.txt' on datastore 'photos' ('{tmp_path}/photos/")
    with pytest.raises(UserErrorException, match=f"data reference 'x': {text}"):
        submit(REPORT, store.path("labels.txt", "x"))
    with pytest.raises(UserErrorException, match=text):
        resubmission.resubmit(run.directory, {})


def test_data_that_goes_while_the_run_waits_ends_it(tmp_path: Path) -> None:
    item = {"name": "x", "datastore": "photos", "path": "gone", "mode": "mount"}
    item |= {"source": f"{tmp_path}/gone"}
    data = [{**item, "path_on_compute": None, "overwrite": False}]
    run = runs.make_run(runs.workspace(tmp_path), "print('never')", data=data)
    runs.start(LocalTarget(), run)
    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.DATA_FAILED)
    assert state.detail["error"]["message"] == (
        f"data reference 'x': '{tmp_path}/gone' is no longer there (photos:gone); put it back and "
        "submit the run again"
    )
    assert "never" not in runs.log_of(run)


def test_an_environment_variable_is_all_that_inputs_need(
    store: Any, experiment: Experiment, here: Environment, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(REPORT)
    estimator = Estimator(
        str(tmp_path / "source"),
        compute_target="local",
        entry_script="train.py",
        environment_definition=here,
        inputs=[store, store.path("train", "t").as_download("t")],
    )
    found = report(experiment.submit(estimator))
    assert found["argv"] == []
    assert found["trees"] == {"photos": PHOTOS, "t": TRAIN}


TRAIN_ON = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--resume-from")
found = parser.parse_args().resume_from
step = 0
if found:
    assert found == os.environ["AZUREML_DATAREFERENCE_MODEL_LOCATION"]
    step = int(open(os.path.join(found, "checkpoint.txt")).read())
open("outputs/checkpoint.txt", "w").write(str(step + 10))
"""


def test_a_training_resumes_from_a_run(submit: Any, workspace: Any) -> None:
    first = submit(TRAIN_ON)
    finished(first)
    second = submit(TRAIN_ON, resume_from=first)
    finished(second)
    third = submit(TRAIN_ON, resume_from=second._get_outputs_datapath())
    finished(third)
    assert Path(third.directory.outputs, "checkpoint.txt").read_text() == "30"
    arguments = third.get_details()["runDefinition"]["arguments"]
    assert arguments == ["--resume-from", "$AZUREML_DATAREFERENCE_MODEL_LOCATION"]
    again = resubmission.resubmit(third.directory, {})
    assert runs.finish(again).status is Status.COMPLETED
    assert Path(again.outputs, "checkpoint.txt").read_text() == "30"
    artifacts = workspace.datastores["workspaceartifactstore"]
    assert (
        artifacts.download(
            again.path + "/copy", f"ExperimentRun/dcid.{first.id}/outputs", show_progress=False
        )
        == 1
    )


def test_resuming_from_a_run_that_left_nothing(submit: Any) -> None:
    first = submit("print('no checkpoint')")
    finished(first)
    text = f"data reference 'MODEL_LOCATION': run '{first.id}' has left nothing in 'outputs'"
    with pytest.raises(UserErrorException, match=text) as caught:
        submit(TRAIN_ON, resume_from=first)
    assert "give a run whose script has written its checkpoints to ./outputs" in str(caught.value)


def test_a_rerun_finds_its_data_where_the_datastore_is_now(
    store: Any, submit: Any, workspace: Any, tmp_path: Path
) -> None:
    run = submit(REPORT, store.path("train", "t"))
    report(run)
    os.rename(tmp_path / "photos", tmp_path / "moved")
    Datastore.register(workspace, "photos", tmp_path / "moved", overwrite=True)
    again = resubmission.resubmit(run.directory, {})
    assert runs.finish(again).reason is Reason.COMPLETED
    found = json.loads(runs.log_of(again).splitlines()[-1])
    assert found["seen"] == {"t": str(tmp_path / "moved/train")}
    store.unregister()
    with pytest.raises(UserErrorException, match="there is no datastore 'photos' in"):
        resubmission.resubmit(run.directory, {})


def test_a_run_that_cannot_start_leaves_no_copies(store: Any, tmp_path: Path) -> None:
    item = {"name": "x", "datastore": "photos", "path": "", "mode": "download"}
    item |= {"source": store.container_name}
    data = [{**item, "path_on_compute": None, "overwrite": False}]
    run = runs.make_run(runs.workspace(tmp_path), "", data=data, command=["/no/such/program"])
    runs.start(LocalTarget(), run)
    assert runs.finish(run).reason is Reason.LAUNCH_FAILED
    assert "copied 3 files" in Path(run.data_log).read_text()
    assert not os.path.exists(run.join("data"))


def test_a_whole_built_in_datastore_is_made_by_the_run(submit: Any, workspace: Any) -> None:
    default = workspace.get_default_datastore()
    script = "import sys; open(sys.argv[1] + '/out.txt', 'w').write('O')"
    finished(submit(script, default.as_mount()))
    assert files_of(Path(default.container_name)) == {"out.txt": "O"}


WAITS_FOR = """
import os, sys, time
print('ready', flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
print(sorted(os.listdir(sys.argv[1])))
"""


def test_runs_at_the_same_time_share_a_mount_at_one_place(
    store: Any, submit: Any, tmp_path: Path
) -> None:
    """As those of a sweep do: the first that ends does not take it from the others."""
    here = tmp_path / "here"
    data = DataReference(store, "m", "train", "mount", str(here))
    first = submit(WAITS_FOR, data, str(tmp_path / "one"))
    runs.wait_for(lambda: "ready" in runs.log_of(first.directory))
    second = submit(WAITS_FOR, data, str(tmp_path / "two"))
    runs.wait_for(lambda: "ready" in runs.log_of(second.directory))
    (tmp_path / "one").touch()
    finished(first)
    assert here.is_symlink()
    (tmp_path / "two").touch()
    finished(second)
    assert runs.log_of(second.directory).splitlines()[-1] == "['a.txt', 'deep']"
    assert not here.is_symlink()


def test_a_link_that_is_no_runs_stays(store: Any, submit: Any, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.symlink_to(Path(store.container_name, "train"))
    data = DataReference(store, "m", "train", "mount", str(here))
    finished(submit("import os, sys; print(os.listdir(sys.argv[1]))", data))
    assert here.is_symlink()


def test_a_place_that_is_taken_ends_the_run_with_a_sentence(store: Any, submit: Any) -> None:
    run = submit(REPORT, DataReference(store, "m", "train", "mount", "outputs"))
    state = finished(run, Reason.DATA_FAILED)
    assert state.detail["error"]["message"] == (
        f"data reference 'm' is to be mounted at '{run.directory.work}/outputs', and there is "
        "something already; give another path_on_compute, or leave it out"
    )
    assert "failed: data reference 'm'" in Path(run.directory.data_log).read_text()


def test_a_cancel_ends_a_download_and_leaves_nothing_of_it(store: Any, submit: Any) -> None:
    with open(Path(store.container_name, "zeros"), "wb") as sparse:
        sparse.truncate(min(32 << 30, shutil.disk_usage(store.container_name).free // 2))
    run = submit(REPORT, store.as_download())
    runs.wait_for(lambda: os.path.exists(run.directory.data_log))
    run.cancel()
    finished(run, Reason.CANCELLED)
    assert not os.path.exists(run.directory.join("data"))


def test_a_script_under_python_3_6_finds_its_data(
    store: Any, experiment: Experiment, tool: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(
        "import sys\nassert sys.version_info < (3, 7)\n" + REPORT
    )
    old = Environment("old")
    old.python.user_managed_dependencies = True
    old.python.interpreter_path = tool("python3.6")
    given = [store.path("train", "m"), store.path("train", "d").as_download("data")]
    config = ScriptRunConfig(tmp_path / "source", "train.py", given, environment=old)
    found = report(experiment.submit(config))
    assert found["trees"] == {"m": TRAIN, "d": TRAIN}
    assert found["argv"] == [f"{store.container_name}/train", f"{found['cwd']}/data"]
