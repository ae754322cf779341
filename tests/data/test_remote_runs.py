"""Whole runs with data on a real S3 server: the same as with a folder, in every mode."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.data.reference import DataReference
from runyard.environments.environment import Environment
from runyard.errors import UserErrorException
from runyard.history.experiment import Experiment
from runyard.record.states import Reason
from tests.data.conftest import files_of
from tests.data.test_runs import PHOTOS, REPORT, TRAIN, finished, report, tells_what_stayed
from tests.s3_server import S3, SECRET


@pytest.fixture
def bucket(s3: S3) -> str:
    return s3.bucket(train__a="A", train__deep__b="B", labels="L")


@pytest.fixture
def far(workspace: Any, bucket: str, s3: S3) -> Any:
    """The datastore 'far': a bucket with the same files as the folder 'photos'."""
    return Datastore.register(workspace, "far", bucket, **s3.options)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/data"


@pytest.fixture
def submit(
    experiment: Experiment, here: Environment, tmp_path: Path, cache: Path
) -> Callable[..., Any]:
    """Submit a script with arguments."""

    def submitted(script: str, *arguments: object, **more: Any) -> Any:
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source/train.py").write_text(script)
        config = ScriptRunConfig(
            tmp_path / "source", "train.py", list(arguments), environment=here, **more
        )
        return experiment.submit(config)

    return submitted


WALK = """
import json, os, sys
def walk(top):
    if not os.path.isdir(top):
        return [os.path.basename(top), os.path.getsize(top)]
    return sorted([os.path.relpath(p, top), sorted(folders), sorted(files)]
                  for p, folders, files in os.walk(top))
print(json.dumps({"walks": [walk(top) for top in sys.argv[1:]]}))
"""

TRAIN_WALK = [[".", ["deep"], ["a.txt"]], ["deep", [], ["b.txt"]]]
WHOLE_WALK = [
    [".", ["train"], ["labels.txt"]],
    ["train", ["deep"], ["a.txt"]],
    ["train/deep", [], ["b.txt"]],
]


def test_the_layout_is_the_same_in_every_mode_here_and_there(
    store: Any, far: Any, submit: Any
) -> None:
    paths = {"train": TRAIN_WALK, None: WHOLE_WALK, "labels.txt": ["labels.txt", 1]}
    given: list[DataReference] = []
    expected: list[Any] = []
    for of, mode in itertools.product((store, far), ("mount", "download")):
        for path, walk in paths.items():
            for place in (None, f"{of.name}/{mode}/{path}/"):
                name = f"r{len(given)}"
                given.append(DataReference(of, name, path, mode, place))
                expected.append(walk)
    found = report(submit(WALK, *given))["walks"]
    assert found == expected
    assert len(found) == 24


def test_a_remote_mount_is_fetched_once_and_what_the_script_writes_is_stored(
    far: Any, submit: Any, s3: S3, bucket: str, cache: Path
) -> None:
    script = f"""{REPORT}
top = seen["far"]
open(top + "/train/a.txt", "w").write("changed")
os.makedirs(top + "/new")
open(top + "/new/n.txt", "w").write("N")
os.unlink(top + "/labels.txt")
"""
    run = submit(script, far)
    found = report(run)
    assert found["trees"] == {"far": PHOTOS}
    assert found["argv"] == [run.directory.join("data", "far")]
    stored = {name: text.decode() for name, text in s3.files(bucket).items()}
    assert stored == {**PHOTOS, "train/a.txt": "changed", "new/n.txt": "N"}
    assert not os.path.exists(run.directory.join("data"))
    log = Path(run.directory.data_log).read_text().splitlines()
    assert log[:2] == [
        "far: fetching 3 files, 3 bytes, from far",
        "far: 3 of 3 files fetched",
    ]
    assert log[3] == f"far: {found['argv'][0]} (mount of far, 3 files, 3 bytes)"
    again = submit(REPORT, far)
    assert report(again)["trees"]["far"] == {**PHOTOS, "train/a.txt": "changed", "new/n.txt": "N"}
    text = Path(again.directory.data_log).read_text()
    assert "far: 2 of 4 files fetched, the others were in the cache\n" in text
    assert "uploaded" not in text


@pytest.mark.parametrize("place", ["given/in", "in"])
def test_a_remote_mount_leaves_nothing_where_it_was(
    far: Any, submit: Any, s3: S3, tmp_path: Path, place: str
) -> None:
    seen = str(tmp_path / place) if "/" in place else place
    script = f"""{REPORT}
os.makedirs(seen["m"] + "/n", exist_ok=True)
open(seen["m"] + "/n/n.txt", "w").write("N")
"""
    for tree in (TRAIN, {**TRAIN, "n/n.txt": "N"}):  # the second finds the place free
        run = submit(script, DataReference(far, "m", "train", "mount", seen))
        assert report(run)["trees"]["m"] == tree
        assert s3.files(far.container_name)["train/n/n.txt"] == b"N"
        assert not os.path.lexists(tmp_path / place)
        assert sorted(os.listdir(run.directory.work)) == ["logs", "outputs"]


def test_what_a_script_changes_in_its_copy_is_in_no_other_run(
    far: Any, submit: Any, s3: S3, bucket: str
) -> None:
    script = "import sys; open(sys.argv[1] + '/labels.txt', 'r+').write('X')"
    run = submit(script, far.as_download())
    finished(run)
    assert files_of(Path(run.directory.join("data"))) == {"far/labels.txt": "X"}
    assert report(submit(REPORT, far.as_download()))["trees"]["far"] == PHOTOS
    assert s3.files(bucket)["labels.txt"] == b"L"


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite_is_honoured(
    far: Any, submit: Any, s3: S3, tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "source/data").mkdir(parents=True)
    (tmp_path / "source/data/labels.txt").write_text("of the source")
    script = """
import os, sys
print(open("data/labels.txt").read())
open(sys.argv[2] + "/labels.txt", "w").write("of the script")
os.makedirs(sys.argv[2] + "/deep")
open(sys.argv[2] + "/deep/new.txt", "w").write("new")
raise SystemExit(3)
"""
    up = far.path(None, "up").as_upload(overwrite=overwrite)
    down = far.path(None, "down").as_download("data", overwrite=overwrite)
    run = submit(script, down, up)
    finished(run, Reason.SCRIPT_EXIT_CODE)
    tells_what_stayed(run, overwrite)
    stored = s3.files(far.container_name)
    assert stored["labels.txt"] == (b"of the script" if overwrite else b"L")
    assert stored["deep/new.txt"] == b"new"
    skipped = Path(run.directory.data_log).read_text().count("Target already exists. Skipping")
    assert skipped == (0 if overwrite else 2)
    # What was not stored is still there.
    left = files_of(Path(run.directory.join("data")))
    assert left == ({} if overwrite else {"up/labels.txt": "of the script"})


def test_a_path_that_is_not_there_is_an_error_before_the_queue(far: Any, submit: Any) -> None:
    text = "data reference 'x': there is nothing at 'none' on datastore 'far' \\('s3://.*/none'\\)"
    with pytest.raises(UserErrorException, match=text):
        submit(REPORT, far.path("none", "x"))
    text = "data reference 'x': 'labels.txt' on datastore 'far' is a file \\('s3://"
    with pytest.raises(UserErrorException, match=text):
        submit(REPORT, far.path("labels.txt", "x").as_upload())


def test_no_secret_is_on_the_disk_of_a_run(far: Any, submit: Any) -> None:
    run = submit("import os; print(sorted(os.environ.items()))", far)
    finished(run)
    for folder, _, names in os.walk(run.directory.path):
        for name in names:
            assert SECRET.encode() not in Path(folder, name).read_bytes()
