from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.datastore import Datastore
from runyard.environments.environment import Environment
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record.states import Reason
from runyard.testing import runs
from tests.cli.fixtures import History, Invoke
from tests.s3_server import KEY, S3, SECRET


def test_the_way_of_a_file(history: History, invoke: Invoke, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    said = invoke("datastore", "register", "photos", str(photos), "--make", "--default")
    assert (said.code, said.err) == (0, f"datastore 'photos' is {photos}\n")
    rows = [line.split() for line in invoke("datastore", "list").out.splitlines()]
    assert rows[0] == ["DATASTORE", "DEFAULT", "PLACE"]
    assert [row[0] for row in rows[1:]] == [
        *("workspaceblobstore", "workspacefilestore", "workspaceartifactstore"),
        *("workspaceworkingdirectory", "photos"),
    ]
    assert rows[-1] == ["photos", "yes", str(photos)]
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/a.txt").write_text("A")
    (tmp_path / "b.txt").write_text("B")
    given = (str(tmp_path / "in"), str(tmp_path / "b.txt"))
    said = invoke("datastore", "upload", "photos", *given, "--to", "new")
    assert "Uploaded 1 files" in said.out
    assert invoke("datastore", "show", "photos").out == "new/b.txt\nnew/deep/a.txt\n"
    found = invoke("datastore", "show", "photos", "new/deep", "--json").json
    assert found == {
        "name": "photos",
        "type": "LocalFolder",
        "folder": str(photos),
        "url": str(photos),
        "default": True,
        "files": ["new/deep/a.txt"],
    }
    (tmp_path / "b.txt").write_text("changed")
    said = invoke("datastore", "upload", "photos", given[1], "--to", "new")
    assert "Target already exists. Skipping upload for new/b.txt" in said.out
    invoke("datastore", "upload", "photos", given[1], "--to", "new", "--overwrite")
    assert invoke("datastore", "download", "photos", "new/b.txt", "-o", str(tmp_path)).code == 0
    assert (tmp_path / "new/b.txt").read_text() == "changed"
    said = invoke("datastore", "unregister", "photos")
    assert (said.code, said.err) == (0, "datastore 'photos' is forgotten; its files stay\n")
    assert [s["name"] for s in invoke("datastore", "list", "--json").json if s["default"]] == [
        "workspaceblobstore"
    ]
    assert (photos / "new/b.txt").exists()


def test_what_goes_wrong_is_a_sentence(history: History, invoke: Invoke, tmp_path: Path) -> None:
    said = invoke("datastore", "show", "workspaceblobstor")
    assert said.code == 2
    assert "there is no datastore 'workspaceblobstor'" in said.words
    assert "did you mean 'workspaceblobstore'?" in said.words
    said = invoke("datastore", "show", "workspaceblobstore", "x")
    assert said.err == "datastore 'workspaceblobstore' has no file at or below 'x'\n"
    said = invoke("datastore", "register", "cloud", "nope://bucket")
    assert (said.code, "nope:// is not known; give the path" in said.words) == (2, True)


def test_a_bucket_and_its_secrets(
    history: History, invoke: Invoke, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket(a="A")
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("MY_SECRET", SECRET)
    told = ["--secret", "access_key_id=MY_KEY", "--secret", "secret_access_key=MY_SECRET"]
    told += [text for key in s3.plain for text in ("--option", f"{key}={s3.plain[key]}")]
    said = invoke("datastore", "register", "cloud", bucket, *told)
    assert (said.code, said.err) == (0, f"datastore 'cloud' is {bucket}\n")
    found = invoke("datastore", "show", "cloud", "--json")
    assert (found.json["url"], found.json["folder"]) == (bucket, None)
    assert found.json["files"] == ["a.txt"]
    assert SECRET not in found.out
    assert bucket in invoke("datastore", "list").out
    (tmp_path / "b.txt").write_text("B")
    assert invoke("datastore", "upload", "cloud", str(tmp_path / "b.txt")).code == 0
    said = invoke("datastore", "download", "cloud", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out/a.txt").read_text() == "A"
    assert (tmp_path / "out/b.txt").read_text() == "B"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            ["--option", "secret_access_key=hidden"],
            "--option secret_access_key would show a secret to others on this machine; give "
            "--secret secret_access_key, which asks for it",
        ),
        (["--option", "region"], "--option 'region' has no value; give KEY=VALUE"),
        (["--secret", "token=hid-den"], "--secret token=…: there is no environment variable"),
        (["--secret", "token=NO_SUCH"], "--secret token=NO_SUCH: there is no environment"),
        (["--secret", "token"], "--secret token asks for its value, and there is no terminal"),
    ],
)
def test_secrets_that_cannot_be_had(
    history: History, invoke: Invoke, told: list[str], text: str
) -> None:
    said = invoke("datastore", "register", "cloud", "s3://bucket", *told)
    assert said.code == 2
    assert text in said.words
    assert "hid" not in said.err.replace("which asks", "")


def test_a_password_in_a_url_is_refused(history: History, invoke: Invoke) -> None:
    for url in ("https://me:hidden@127.0.0.1/x", "postgresql://me:hidden@127.0.0.1/x"):
        said = invoke("datastore", "register", "cloud", url)
        assert said.code == 2
        assert "the URL has a password, which others on this machine see; leave it out of the" in (
            said.words
        )
        assert "give --secret password, which asks for it, or --secret password=" in said.words
        assert "hidden" not in said.err
    assert "cloud" not in invoke("datastore", "list").out


def _submit(folder: Path, name: str) -> str:
    workspace = Workspace.at(str(folder))
    store = Datastore.register(workspace, "photos", folder / "photos", create_if_not_exists=True)
    here = Environment("here")
    here.python.user_managed_dependencies = True
    here.python.interpreter_path = sys.executable
    (folder / "photos" / name).mkdir()
    given = ["--data", store.path(name), "--all", store.as_download("all")]
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "empty/train.py").write_text("")
    config = ScriptRunConfig(folder / "empty", "train.py", given, environment=here)
    run = Experiment(workspace, "with-data").submit(config)
    assert runs.finish(run.directory).reason is Reason.COMPLETED
    found: str = run.id
    return found


def test_show_and_diff_say_what_data_was_used(history: History, invoke: Invoke) -> None:
    one, other = _submit(history.folder, "train"), _submit(history.folder, "test")
    shown = invoke("show", other).out
    assert "mount of photos:test, no files\n" in shown
    assert "photos: download of photos at all, no files\n" in shown
    found = invoke("diff", one, other, "--json").json
    assert found["arguments"] == {
        "--data": {"first": "photos:train", "second": "photos:test"},
        "data": {
            "first": "download of photos at all, mount of photos:train",
            "second": "download of photos at all, mount of photos:test",
        },
    }


def test_diff_names_the_files_of_an_input_that_differ(history: History, invoke: Invoke) -> None:
    one = _submit(history.folder, "train")
    (history.folder / "photos/new.txt").write_text("N")
    (history.folder / "photos/train/x\ny.txt").write_text("N")
    said = invoke("rerun", "--follow", one)
    text = f"input 'photos' (photos) is not what run {one} read: 2 new files"
    assert said.words.count(text) == 1
    assert f"warning: {text}" in said.words
    text = invoke("diff", one, "last").out
    assert (
        "\ninputs\n  photos:train  photos:train, no files  photos:train, 1 file, 1 byte, " in text
    )
    assert "\n    + train/x\\ny.txt\n" in text
    found = invoke("diff", one, "last", "--json").json
    assert found["same"] is False
    assert found["inputs"]["photos"]["added"] == ["new.txt", "train/x\ny.txt"]
    assert found["inputs"]["photos"]["second"]["files"] == 2
    assert "entries" not in found["inputs"]["photos"]["second"]
    shown = invoke("show", "last").out
    assert "photos: download of photos at all, 2 files, 2 bytes, sha256:" in shown
    assert invoke("show", "last", "--json").json["inputs"][0]["datastore"] == "photos"
