"""Datastores on object storage and other remote storage (spec 15.1)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from runyard.data import registry
from runyard.data.datastore import Datastore
from runyard.errors import UserErrorException
from runyard.record import keyvault
from tests.data.conftest import files_of, write
from tests.s3_server import S3, SECRET


@pytest.fixture
def cloud(workspace: Any, s3: S3) -> Any:
    """The datastore 'cloud' on a bucket."""
    return Datastore.register(workspace, "cloud", s3.bucket(train__a="A", b="BB"), **s3.options)


def test_a_bucket_is_used_as_a_folder_is(cloud: Any, workspace: Any, tmp_path: Path) -> None:
    assert list(cloud.files()) == ["b.txt", "train/a.txt"]
    cloud.upload(write(tmp_path / "new", c="C"), "train", show_progress=False)
    found = Datastore(workspace, "cloud")
    assert found.download(tmp_path / "out", "train", show_progress=False) == 2
    assert files_of(tmp_path / "out") == {"train/a.txt": "A", "train/c.txt": "C"}
    assert found.datastore_type == "S3"
    assert found.container_name == cloud.container_name
    with pytest.raises(UserErrorException, match=r"is 's3://.*' and no folder of this machine"):
        found.local_path()


def test_what_is_not_there_names_the_datastore(workspace: Any, s3: S3, tmp_path: Path) -> None:
    gone = Datastore.register(workspace, "gone", "s3://no-such-bucket", **s3.options)
    text = r"^datastore 'gone': listing 's3://no-such-bucket': there is no such bucket or container"
    with pytest.raises(UserErrorException, match=text):
        list(gone.files())
    with pytest.raises(UserErrorException, match=text):
        gone.download(tmp_path, show_progress=False)


def test_no_secret_is_in_the_workspace(cloud: Any, workspace: Any) -> None:
    for path in Path(workspace.path).rglob("*"):
        assert not path.is_file() or SECRET not in path.read_text(errors="replace")
    assert SECRET not in repr(cloud) + repr(cloud.store) + repr(vars(cloud))
    file = Path(keyvault.folder_of(workspace.directory), "secrets.json")
    assert SECRET in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    cloud.unregister()
    assert SECRET not in file.read_text()


def test_where_a_datastore_lies(cloud: Any, workspace: Any, store: Any) -> None:
    directory = workspace.directory
    assert registry.url_of(directory, "cloud") == cloud.container_name
    assert registry.url_of(directory, "photos") == store.container_name
    assert [entry.path for entry in registry.store_of(directory, "cloud").entries("train")] == [
        "train/a.txt"
    ]
    assert registry.store_of(directory, "photos").url == store.container_name


def test_registering_it_again(cloud: Any, workspace: Any, s3: S3) -> None:
    Datastore.register(workspace, "cloud", cloud.container_name, **s3.options)
    with pytest.raises(UserErrorException, match="with other options; give overwrite=True"):
        Datastore.register(workspace, "cloud", cloud.container_name, **s3.plain, region_name="x")
    with pytest.raises(UserErrorException, match="registered already, for 's3://"):
        Datastore.register(workspace, "cloud", os.getcwd())
    Datastore.register(workspace, "cloud", os.getcwd(), overwrite=True)
    assert Datastore(workspace, "cloud").container_name == os.getcwd()


_REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("nope://x", {}, "datastore 'new': 'nope://x': nope:// is not known; give the path of a"),
    ("s3://", {}, "datastore 'new': 's3://' cannot be opened: there is no bucket in it"),
    ("s3://b", {"regiom": "x"}, "datastore 'new': 's3://b' cannot be opened: "),
    ("s3://b?sig=abc", {}, "datastore 'new': the URL 's3://b?…' has a query; leave it out"),
    ("s3://b", {"retries": "x"}, "option retries is 'x'; give a number such as 6"),
    ("s3://b", {"secret": 3}, "option secret is of type int; give text"),
    ("s3://b", {"mount": "nfs"}, "datastore 'new': mount='nfs' is not known; give 'fuse'"),
    (
        "s3://b",
        {"create_if_not_exists": True},
        "datastore 'new': create_if_not_exists makes folders and Azure containers; make the bucket",
    ),
    (
        "memory://x",
        {"create_if_not_exists": True},
        "datastore 'new': create_if_not_exists makes folders and Azure containers; make the bucket",
    ),
    ("memory://x", {"kwargs": {"token": "abc"}}, "datastore 'new': option kwargs has 'token' in"),
    ("/tmp", {"region": "x"}, "datastore 'new': a folder has no option region"),
]


@pytest.mark.parametrize(("url", "options", "text"), _REFUSED)
def test_what_cannot_be_registered(workspace: Any, url: str, options: Any, text: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)) as caught:
        Datastore.register(workspace, "new", url, **options)
    assert "abc" not in caught.value.message
    assert "new" not in workspace.datastores
