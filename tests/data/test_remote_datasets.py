"""Datasets and outputs of runs on a real S3 server."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.computes.local import LocalTarget
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.errors import UserErrorException
from runyard.job.datasets.api import Dataset
from runyard.record.states import Reason
from runyard.testing import runs
from tests.data.conftest import files_of
from tests.data.test_remote_runs import TRAIN_WALK, WALK, bucket, cache, far, submit
from tests.data.test_runs import finished, report
from tests.s3_server import S3

__all__ = ["bucket", "cache", "far", "submit"]

Submit = Callable[..., Any]


def staged(run: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(run.directory.datasets, f"{name}.json").read_text())
    return found


def test_the_layout_of_a_dataset_is_the_same_in_every_mode_here_and_there(
    store: Any, far: Any, submit: Submit
) -> None:
    given: list[Any] = []
    expected: list[Any] = []
    for of in (store, far):
        for path, walk in {
            "train": TRAIN_WALK,
            "train/**/*.txt": TRAIN_WALK,
            "train/a.txt": ["a.txt", 1],
            "train/*.txt": [[".", [], ["a.txt"]]],
        }.items():
            dataset = Dataset.File.from_files((of, path))
            for place in (None, "mounted", "copied"):
                name = f"i{len(given)}"
                config, at = dataset.as_named_input(name), place and f"{of.name}/{name}"
                given.append(config.as_mount(at) if place != "copied" else config.as_download(at))
                expected.append(walk)
            given.append(dataset.as_named_input(f"i{len(given)}").as_download())
            expected.append(walk)
    assert report(submit(WALK, *given))["walks"] == expected


def test_a_mount_of_a_dataset_is_a_link_to_the_cache_that_one_only_reads(
    far: Any, submit: Submit, cache: Path
) -> None:
    script = "import os, sys; s = os.stat(sys.argv[1] + '/a.txt'); print(s.st_nlink, s.st_mode)"
    dataset = Dataset.File.from_files((far, "train"))
    run = submit(script, dataset.as_named_input("x").as_mount())
    finished(run)
    links, mode = map(int, runs.log_of(run.directory).splitlines()[-1].split())
    assert (links, stat.S_IMODE(mode)) == (2, 0o444)
    assert not os.path.exists(run.directory.join("data"))
    assert len(files_of(cache / "objects")) == 2
    place = f"{run.directory.path}/data/x"
    files = staged(run, "x")["files"]
    assert all(abs(time.time() - file.pop("modified_s")) < 600 for file in files)
    assert files == [
        {"path": "a.txt", "local": f"{place}/a.txt", "size_bytes": 1, "values": {}},
        {"path": "deep/b.txt", "local": f"{place}/deep/b.txt", "size_bytes": 1, "values": {}},
    ]


def test_a_dataset_that_is_read_directly_is_fetched_before(far: Any, submit: Submit) -> None:
    script = """
import json, os, sys
content = json.load(open(os.environ["RUNYARD_RUN_DIRECTORY"] + "/datasets/x.json"))
print(sys.argv[1] == os.environ["x"] == content["id"] == content["seen"],
      [open(file["local"]).read() for file in content["files"]])
"""
    run = submit(script, Dataset.File.from_files((far, "train")).as_named_input("x"))
    finished(run)
    assert runs.log_of(run.directory).splitlines()[-1] == "True ['A', 'B']"


def test_a_local_folder_is_mounted_without_a_look_at_its_files(store: Any, submit: Submit) -> None:
    dataset = Dataset.File.from_files((store, "train"))
    run = submit(WALK, dataset.as_named_input("x").as_mount())
    assert report(run)["walks"] == [TRAIN_WALK]
    folder = f"{store.container_name}/train"
    content = staged(run, "x")
    assert (content["files"], content["folder"], content["seen"]) == (None, folder, folder)


LEAVE = """
import os, sys
for folder in sys.argv[1:]:
    os.makedirs(folder + "/deep")
    open(folder + "/a.csv", "w").write("A")
    open(folder + "/deep/b.csv", "w").write("B")
    open(folder + "/c.txt", "w").write("C")
names = os.environ["AZUREML_DATASET_FILE_OUTPUTS"].split(";")
assert [os.environ[name] for name in names] == sys.argv[1:], names
"""
LEFT = {"a.csv": "A", "c.txt": "C", "deep/b.csv": "B"}


def outputs(of: Any) -> list[OutputFileDatasetConfig]:
    whole = OutputFileDatasetConfig("whole", (of, "out/{run-id}/{output-name}"))
    part = OutputFileDatasetConfig("part", (of, "out/{run-id}/{output-name}"))
    return [whole.as_mount(), part.as_upload(source_globs="**/*.csv")]


def test_outputs_are_the_same_here_and_there(
    store: Any, far: Any, submit: Submit, s3: S3, bucket: str
) -> None:
    for of in (store, far):
        run = submit(LEAVE, *outputs(of))
        finished(run)
        if of is store:
            found = files_of(Path(store.container_name, "out", run.id))
        else:
            stored = s3.files(bucket).items()
            head = f"out/{run.id}/"
            found = {
                name.removeprefix(head): text.decode()
                for name, text in stored
                if name.startswith(head)
            }
        assert found == {
            **{f"whole/{name}": text for name, text in LEFT.items()},
            "part/a.csv": "A",
            "part/deep/b.csv": "B",
        }
        # What was not wanted is not thrown away.
        assert files_of(Path(run.directory.join("data"))) == {"part/c.txt": "C"}


def test_outputs_of_a_script_that_failed_are_stored_and_not_registered(
    far: Any, workspace: Any, submit: Submit, s3: S3, bucket: str
) -> None:
    output = OutputFileDatasetConfig("o", (far, "o")).register_on_complete("left")
    finished(submit(LEAVE + "raise SystemExit(3)", output), Reason.SCRIPT_EXIT_CODE)
    assert s3.files(bucket)["o/a.csv"] == b"A"
    with pytest.raises(UserErrorException, match="left"):
        Dataset.get_by_name(workspace, "left")
    finished(submit(LEAVE, output))
    assert Dataset.get_by_name(workspace, "left").to_path() == ["/a.csv", "/c.txt", "/deep/b.csv"]


def test_two_of_one_name_are_an_error(store: Any, submit: Submit) -> None:
    dataset = Dataset.File.from_files((store, "train")).as_named_input("x").as_mount()
    text = "data reference and dataset input are both named 'x'; the script finds each by its name"
    with pytest.raises(UserErrorException, match=text):
        submit(WALK, dataset, store.path("train", "x"))


def test_what_is_gone_when_the_run_begins_ends_it_with_a_sentence(
    far: Any, workspace: Any, cache: Path
) -> None:
    source = {"datastore": "far", "path": "gone/*.csv"}
    dataset = {"name": "x", "mode": "mount", "id": "1", "dataset": "some", "version": 2}
    dataset["definition"] = {"format": 1, "type": "file", "sources": [source], "steps": []}
    reference = {"name": "y", "datastore": "far", "path": "gone", "mode": "mount"}
    reference["source"] = f"{far.container_name}/gone"
    of_dataset = (
        "dataset input 'x' (mount of dataset some version 2): there is no file at 'gone/*.csv' on "
        f"datastore 'far' ('{far.container_name}'); upload it first, or give another path"
    )
    of_reference = (
        f"data reference 'y': '{far.container_name}/gone' is no longer there (far:gone); put it "
        "back and submit the run again"
    )
    for spec, text in (
        ({"datasets": [dataset]}, of_dataset),
        ({"data": [reference]}, of_reference),
    ):
        os.makedirs(workspace.directory.blobs, exist_ok=True)
        os.makedirs(os.path.join(workspace.path, "snapshots"), exist_ok=True)
        run = runs.make_run(workspace.directory, "print('never')", **spec)
        runs.start(LocalTarget(), run)
        state = runs.finish(run)
        assert state.reason is Reason.DATA_FAILED
        assert state.detail["error"]["message"].startswith(text)
        assert "never" not in runs.log_of(run)
