"""Datastores on folders: finding, registering, uploading, downloading (spec 15.1)."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from runyard import _names
from runyard.data import transfers
from runyard.data.datastore import Datastore
from runyard.data.reference import DataReference
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException
from runyard.history.workspace import Workspace
from tests.data.conftest import files_of, write

BUILT_IN = [
    "workspaceblobstore",
    "workspacefilestore",
    "workspaceartifactstore",
    "workspaceworkingdirectory",
]


def test_every_workspace_has_the_four_and_makes_nothing_until_they_are_used(
    workspace: Any, tmp_path: Path
) -> None:
    assert list(workspace.datastores) == BUILT_IN
    default = workspace.get_default_datastore()
    assert (default.name, default.datastore_type) == ("workspaceblobstore", "LocalFolder")
    assert default.account_name is None
    assert default.local_path("a/b").startswith(workspace.path)
    assert not os.path.exists(os.path.join(workspace.path, "datastores"))
    default.upload(write(tmp_path / "x", a="1"), "there", show_progress=False)
    assert files_of(Path(default.container_name)) == {"there/a.txt": "1"}


def test_a_copied_workspace_has_its_own_files(workspace: Any, tmp_path: Path) -> None:
    shutil.copytree(workspace.path, tmp_path / "copy" / ".runyard")
    copied = Workspace.at(str(tmp_path / "copy"))
    assert copied.get_default_datastore().container_name.startswith(str(tmp_path / "copy"))


def test_registering_finding_and_forgetting(workspace: Any, store: Any, tmp_path: Path) -> None:
    found = Datastore(workspace, "photos")
    assert isinstance(found, StorageDatastore)
    assert found.container_name == str(tmp_path / "photos")
    assert (found.account_name, found.is_sas, found.workspace) == (None, False, workspace)
    assert list(workspace.datastores) == [*BUILT_IN, "photos"]
    found.set_as_default()
    assert Datastore(workspace).name == "photos"
    assert Workspace.at(workspace.path).get_default_datastore().name == "photos"
    workspace.set_default_datastore("workspacefilestore")
    assert Datastore.get_default(workspace).name == "workspacefilestore"
    found.set_as_default()
    found.unregister()
    assert Datastore.get_default(workspace).name == "workspaceblobstore"
    assert list(workspace.datastores) == BUILT_IN
    assert (tmp_path / "photos" / "labels.txt").exists()


def test_a_name_is_given_to_another_folder_only_when_asked(
    workspace: Any, store: Any, tmp_path: Path
) -> None:
    Datastore.register(workspace, "photos", tmp_path / "photos")  # the same again
    (tmp_path / "other").mkdir()
    text = f"datastore 'photos' is registered already, for '{tmp_path}/photos'; give overwrite=True"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        Datastore.register(workspace, "photos", tmp_path / "other")
    url = f"file://{tmp_path}/other"
    assert Datastore.register(workspace, "photos", url, overwrite=True).container_name == str(
        tmp_path / "other"
    )


def test_a_built_in_one_can_lie_elsewhere(workspace: Any, tmp_path: Path) -> None:
    big = tmp_path / "big"
    Datastore.register(workspace, "workspaceblobstore", big, create_if_not_exists=True)
    assert workspace.get_default_datastore().container_name == str(big)
    assert list(workspace.datastores) == BUILT_IN
    workspace.get_default_datastore().unregister()
    assert workspace.get_default_datastore().container_name.startswith(workspace.path)


_REFUSED: list[tuple[Any, str]] = [
    (
        lambda ws: Datastore(ws, "foto"),
        "there is no datastore 'foto' in ",
    ),
    (lambda ws: Datastore(ws, "photo"), "; did you mean 'photos'? It has workspaceblobstore, "),
    (lambda ws: Datastore(ws, "zzz"), ".runyard. It has workspaceblobstore, "),
    (
        lambda ws: Datastore(ws, "photo"),
        "Make one: Datastore.register(workspace, 'photo', '/path/of/a/folder')",
    ),
    (lambda ws: Datastore(ws, "../x"), "datastore name '../x' is not valid: give 1 to 255 English"),
    (
        lambda ws: Datastore.register(ws, "new", "/dev/null/x", create_if_not_exists=True),
        "datastore 'new': the folder '/dev/null/x' cannot be made: Not a directory; give one in",
    ),
    (lambda ws: Datastore.register(ws, "a-b", "/"), "datastore name 'a-b' is not valid"),
    (
        lambda ws: Datastore.register(ws, "new", "/no/such"),
        "datastore 'new': there is no folder '/no/such'; make it first, or give "
        "create_if_not_exists=True",
    ),
    (
        lambda ws: Datastore.register(ws, "new", 3),  # type: ignore[arg-type]
        "url is 3 of type int; give the path of a",
    ),
    (
        lambda ws: Datastore.get(ws, "workspaceblobstore").unregister(),
        "datastore 'workspaceblobstore' is a part of every workspace and cannot be unregistered",
    ),
    (lambda ws: ws.set_default_datastore("no"), "there is no datastore 'no'"),
    (
        lambda ws: Datastore.get(ws, "photos").upload("/no/such"),
        "src_dir='/no/such' is not a folder; give the folder whose files are to be uploaded",
    ),
    (
        lambda ws: Datastore.get(ws, "photos").upload_files(["/no/such"]),
        "there is no file '/no/such' to upload; give paths of files",
    ),
    (
        lambda ws: Datastore.get(ws, "photos").upload_files("x"),
        "files is 'x' of type str; give a list of paths, such as ['data/train.csv']",
    ),
    (
        lambda ws: Datastore.get(ws, "photos").upload_files([__file__], relative_root="/usr"),
        "does not lie below relative_root='/usr'; give a folder above all files",
    ),
    (
        lambda ws: Datastore.get(ws, "photos").path("train/../../x"),
        "path 'train/../../x' leads outside the datastore with '..'; give a path below its root",
    ),
    (lambda ws: Datastore.get(ws, "photos").download("x", prefix=".."), "leads outside"),
    (
        lambda ws: Datastore.get(ws, "photos").upload(ws.path, target_path="a/../../x"),
        "leads outside the datastore",
    ),
    (
        lambda ws: Datastore.get(ws, "photos").path(b"x"),  # type: ignore[arg-type]
        "path on a datastore is b'x'; give text",
    ),
]


@pytest.mark.parametrize(("action", "text"), _REFUSED)
def test_what_cannot_be_done(
    workspace: Any, store: Any, action: Any, text: str, tmp_path: Path
) -> None:
    before = files_of(tmp_path)
    with pytest.raises(UserErrorException, match=re.escape(text)):
        action(workspace)
    assert files_of(tmp_path) == before


def test_a_damaged_registration_says_how_to_repair_it(workspace: Any, store: Any) -> None:
    Path(workspace.path, "datastores", "photos.json").write_text("{")
    with pytest.raises(UserErrorException, match=r"register it again: Datastore\.register\(w"):
        Datastore(workspace, "photos")


def test_upload_says_what_it_does_and_skips_what_is_there(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "new", a="new", deep__c="C")
    reference = store.upload(str(source), "./train")
    assert isinstance(reference, DataReference)
    assert (reference.path_on_datastore, reference.mode) == ("train", "mount")
    assert capsys.readouterr().out.splitlines() == [
        "Uploading an estimated of 2 files",
        f"Uploading {source}/a.txt",
        "Target already exists. Skipping upload for train/a.txt",
        f"Uploading {source}/deep/c.txt",
        f"Uploaded {source}/deep/c.txt, 1 files out of an estimated total of 2",
        "Uploaded 1 files",
    ]
    photos = Path(store.container_name)
    assert files_of(photos / "train") == {"a.txt": "A", "deep/b.txt": "B", "deep/c.txt": "C"}
    store.upload(source, "/train", overwrite=True, show_progress=False)
    assert (photos / "train/a.txt").read_text() == "new"
    assert capsys.readouterr().out == ""


def test_the_front_of_a_target_path_is_stripped(store: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "new", x="1")
    for target in ("../up", "./../up", "/up"):
        assert store.upload(source, target, show_progress=False).path_on_datastore == "up"
    whole = store.upload(source, "..", show_progress=False)
    assert (whole.path_on_datastore, whole.data_reference_name) == (None, "photos")


def test_files_keep_their_paths_below_what_they_have_in_common(store: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", one__a="1", two__b="2")
    paths = [source / "one/a.txt", str(source / "two/b.txt")]
    store.upload_files(paths, target_path="t", show_progress=False)
    store.upload_files(paths[:1], target_path="u", show_progress=False)
    store.upload_files(paths, relative_root=tmp_path, target_path="v", show_progress=False)
    found = files_of(Path(store.container_name))
    assert [name for name in found if name[:2] in ("t/", "u/", "v/")] == [
        *("t/one/a.txt", "t/two/b.txt", "u/a.txt", "v/in/one/a.txt", "v/in/two/b.txt")
    ]


def test_links_are_followed_and_loops_end(store: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", a="1")
    (source / "loop").symlink_to(source)
    (source / "elsewhere").symlink_to(write(tmp_path / "elsewhere", b="2"))
    store.upload(source, "linked", show_progress=False)
    assert files_of(Path(store.container_name, "linked")) == {
        "a.txt": "1",
        "elsewhere/b.txt": "2",
    }


def test_what_is_no_file_is_named(store: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", a="1")
    (source / "dangling").symlink_to("/no/such")
    os.mkfifo(source / "pipe")
    text = "not uploaded, since they are neither files nor folders: dangling, pipe"
    with pytest.warns(UserWarning, match=text):
        store.upload(source, "t", show_progress=False)
    assert files_of(Path(store.container_name, "t")) == {"a.txt": "1"}


def test_names_that_are_no_text_are_kept(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    odd = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / "in" / odd).write_text("1")
    store.upload(tmp_path / "in", "t")
    assert "caf\\udce9.txt" in capsys.readouterr().out
    assert Path(store.container_name, "t", odd).read_text() == "1"


def test_download_counts_what_it_copied(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store.download(str(tmp_path / "out"), prefix="train/deep") == 1
    assert capsys.readouterr().out.splitlines() == [
        "Downloading train/deep/b.txt",
        "Downloaded train/deep/b.txt, 1 files out of an estimated total of 1",
    ]
    assert store.download(tmp_path / "out") == 2
    assert "Target already exists. Skipping download for train/deep/b.txt" in (
        capsys.readouterr().out
    )
    (tmp_path / "out/labels.txt").write_text("mine")
    assert store.download(tmp_path / "out", "labels.txt", show_progress=False) == 0
    assert (tmp_path / "out/labels.txt").read_text() == "mine"
    assert store.download(tmp_path / "out", "labels.txt", overwrite=True, show_progress=False) == 1
    assert files_of(tmp_path / "out") == files_of(Path(store.container_name))
    # A prefix is a folder or a file, not the beginning of a name.
    with pytest.warns(UserWarning, match="datastore 'photos' has no file at or below 'tra'"):
        assert store.download(tmp_path / "out", "tra") == 0


def test_a_target_is_never_half_written(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(reader: Any, writer: Any) -> None:
        writer.write(b"hal")
        raise OSError(28, "No space left on device", writer.name)

    monkeypatch.setattr(transfers, "_fill", break_off)
    before = files_of(tmp_path)
    text = "labels.txt': No space left on device; what was copied before is there, and the same"
    with pytest.raises(UserErrorException, match=re.escape(text)):
        store.upload(write(tmp_path / "x", labels="half"), overwrite=True, show_progress=False)
    (tmp_path / "x/labels.txt").unlink()
    assert files_of(tmp_path) == before


def test_what_is_still_being_written_is_no_file_of_the_store(store: Any) -> None:
    Path(store.container_name, f".x.1{transfers.PART}").write_text("hal")
    assert f".x.1{transfers.PART}" not in list(transfers.files(store.container_name))


def test_azure_storage_stays_the_folder_that_has_its_name(workspace: Any, tmp_path: Path) -> None:
    Datastore.register(workspace, "cloud", tmp_path)
    found = Datastore.register_azure_blob_container(
        workspace=workspace,
        datastore_name="cloud",
        container_name="c",
        account_name="acc",
        account_key="secret",
        overwrite=True,
    )
    assert found.container_name == str(tmp_path)
    Datastore.register(workspace, "db", f"sqlite:///{tmp_path}/x.db")
    found = Datastore.register_azure_postgre_sql(workspace, "db", "server", "db", "me", "secret")
    assert found.container_name == f"sqlite:///{tmp_path}/x.db"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("azure_file_share", ("share", "account")),
        ("azure_data_lake", ("lake",)),
        ("dbfs", ()),
        ("hdfs", ("https", "node", "cert", "realm", "kdc", "principal")),
    ],
)
def test_what_is_not_reached_needs_a_folder(
    workspace: Any, name: str, arguments: Any, tmp_path: Path
) -> None:
    register = getattr(Datastore, f"register_{name}")
    with pytest.raises(UserErrorException, match="which this version does not reach") as caught:
        register(workspace, "cloud", *arguments)
    assert "secret" not in str(caught.value)
    text = "this call will find it: Datastore.register(workspace, 'cloud', '/path/of/the/folder')"
    assert text in caught.value.message
    Datastore.register(workspace, "cloud", tmp_path)
    assert register(workspace, "cloud", *arguments).container_name == str(tmp_path)
    Datastore.register(workspace, "cloud", "s3://instead", overwrite=True)
    assert register(workspace, "cloud", *arguments).container_name == "s3://instead"


def test_the_import_paths_of_sdk_v1() -> None:
    for module, name in (
        ("core", "Datastore"),
        ("core.datastore", "Datastore"),
        ("data.azure_storage_datastore", "AbstractAzureStorageDatastore"),
        ("data.azure_storage_datastore", "AzureBlobDatastore"),
        ("data.data_reference", "DataReference"),
        ("data.datapath", "DataPath"),
        ("data.datapath", "DataPathComputeBinding"),
    ):
        found = _names.load(f"runyard.azureml.{module}:{name}")
        assert isinstance(found, type)
    assert _names.load("runyard.azureml.core:Datastore") is Datastore


def test_a_name_is_registered_by_one_of_many_at_once(workspace: Any, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(8)]
    done: list[Path] = []
    begin = threading.Barrier(len(folders))

    def register(folder: Path) -> None:
        begin.wait()
        with contextlib.suppress(UserErrorException):
            Datastore.register(workspace, "one", folder, create_if_not_exists=True)
            done.append(folder)

    threads = [threading.Thread(target=register, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(folder) for folder in done] == [Datastore(workspace, "one").container_name]


def test_a_damaged_registration_is_replaced(workspace: Any, tmp_path: Path) -> None:
    Datastore.register(workspace, "one", tmp_path)
    Path(workspace.path, "datastores", "one.json").write_text("{")
    with pytest.raises(UserErrorException, match=r"register it again: Datastore\.register\(work"):
        Datastore(workspace, "one")
    assert Datastore.register(workspace, "one", tmp_path, overwrite=True).name == "one"
