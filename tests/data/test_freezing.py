"""What of data is checked before anything starts, and what the runner is told."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from runyard.config.data_sections import DataReferenceConfiguration
from runyard.data.freezing import frozen
from runyard.data.reference import DataReference
from runyard.errors import UserErrorException
from runyard.history.workspace import Workspace
from tests.data.conftest import files_of


def test_what_the_runner_reads(store: Any, workspace: Any, tmp_path: Path) -> None:
    written = {
        "a": DataReferenceConfiguration("photos", "download", "./train/", "data", True),
        "b": DataReferenceConfiguration("workspaceblobstore", "upload", "/new"),
    }
    before = files_of(tmp_path)
    one, other = frozen(written, workspace.directory)
    assert files_of(tmp_path) == before
    assert (one.name, one.datastore, one.path, one.mode) == ("a", "photos", "train", "download")
    assert (one.source, one.path_on_compute) == (f"{tmp_path}/photos/train", "data")
    assert (one.overwrite, other.overwrite) == (True, False)
    assert other.source == f"{workspace.path}/datastores/workspaceblobstore/new"


_REFUSED: list[tuple[Any, str]] = [
    (
        DataReferenceConfiguration("foto"),
        "data reference 'x': there is no datastore 'foto' in ",
    ),
    (DataReferenceConfiguration(None), "data reference 'x': datastore name None is not valid"),
    (
        DataReferenceConfiguration("photos", "hdfs"),
        "data reference 'x': mode='hdfs' is not known; give one of mount, download, upload",
    ),
    (
        DataReferenceConfiguration("photos", path_on_datastore="a/../../b"),
        "data reference 'x': path 'a/../../b' leads outside the datastore",
    ),
    (
        DataReferenceConfiguration("photos", path_on_compute="../b"),
        "data reference 'x': path_on_compute='../b' leads outside the working directory",
    ),
    (
        DataReferenceConfiguration("photos", path_on_datastore="none"),
        "data reference 'x': there is nothing at 'none' on datastore 'photos' (",
    ),
    (
        DataReferenceConfiguration("workspaceblobstore", "download", "none"),
        "upload it first, make the folder if the script is to write there, or give another path",
    ),
    (
        DataReferenceConfiguration("photos", "upload", "labels.txt"),
        "data reference 'x': 'labels.txt' on datastore 'photos' is a file (",
    ),
    (
        DataReferenceConfiguration(
            "workspaceartifactstore", "upload", "ExperimentRun/dcid.run_1/outputs"
        ),
        "is what a run has left and cannot be uploaded to; give another datastore, such as "
        "workspaceblobstore",
    ),
    (
        DataReferenceConfiguration(
            "workspaceartifactstore", "mount", "ExperimentRun/dcid.run_1/outputs"
        ),
        "data reference 'x': run 'run_1' has left nothing in 'outputs'",
    ),
]


@pytest.mark.parametrize(("written", "text"), _REFUSED)
def test_what_cannot_be_staged_is_refused(
    store: Any, workspace: Any, written: DataReferenceConfiguration, text: str
) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        frozen({"x": written}, workspace.directory)


def test_a_name_that_is_no_word(store: Any, workspace: Any) -> None:
    with pytest.raises(UserErrorException, match="data_reference_name 'a-b' is not valid"):
        frozen({"a-b": store.as_mount().to_config()}, workspace.directory)


def test_two_mounts_at_one_place(store: Any, workspace: Any) -> None:
    one = DataReference(store, "one", path_on_compute="data").to_config()
    with pytest.raises(UserErrorException, match="'one' and 'two' are both to be at 'data'; give"):
        frozen({"one": one, "two": one}, workspace.directory)
    copies = {name: store.as_download("data/").to_config() for name in ("one", "two")}
    assert len(frozen(copies, workspace.directory)) == 2


def test_a_datastore_of_another_workspace_is_not_taken_for_one_of_the_same_name(
    store: Any, tmp_path: Path
) -> None:
    other = Workspace.create("other", path=str(tmp_path / "other"))
    reference = store.workspace.get_default_datastore().as_mount()
    text = (
        f"datastore 'workspaceblobstore' is of the workspace '{store.workspace.path}', and the "
        f"run goes to '{other.path}'"
    )
    with pytest.raises(UserErrorException, match=re.escape(text)):
        frozen({"x": reference.to_config()}, other.directory)


def test_a_registered_folder_that_is_gone(store: Any, workspace: Any) -> None:
    shutil.rmtree(store.container_name)
    with pytest.raises(UserErrorException, match=r"there is nothing at '\.' on datastore 'photos'"):
        frozen({"x": store.as_mount().to_config()}, workspace.directory)
