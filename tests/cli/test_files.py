from __future__ import annotations

import os
from pathlib import Path

from tests.cli.fixtures import History, Invoke


def test_files_with_their_sizes(history: History, invoke: Invoke) -> None:
    lines = invoke("files", history.good.id).out.splitlines()
    assert lines[0].split() == ["SIZE", "NAME"]
    assert "  1.5 KB  outputs/model.bin" in lines
    found = {item["name"]: item["size_bytes"] for item in invoke("files", "@3", "--json").json}
    assert found["outputs/model.bin"] == 1500
    assert found["outputs/sub/notes.txt"] == 5
    assert "user_logs/std_log.txt" in found


def test_download_takes_everything_by_default(history: History, invoke: Invoke) -> None:
    said = invoke("download", history.good.id)
    folder = history.folder / history.good.id
    assert (folder / "outputs/model.bin").read_bytes() == b"\0" * 1500
    assert (folder / "user_logs/std_log.txt").is_file()
    assert f"{history.good.id}/outputs/model.bin" in said.out.splitlines()


def test_download_takes_what_is_named(history: History, invoke: Invoke) -> None:
    said = invoke("download", "@3", "outputs/model.bin", "outputs/sub", "-o", "here", "--json")
    assert said.json == [
        {"name": "outputs/model.bin", "path": f"{history.folder}/here/outputs/model.bin"},
        {"name": "outputs/sub/notes.txt", "path": f"{history.folder}/here/outputs/sub/notes.txt"},
    ]
    assert Path("here/outputs/sub/notes.txt").read_text() == "notes"


def test_download_by_prefix(history: History, invoke: Invoke) -> None:
    said = invoke("download", "@3", "--prefix", "outputs/s", "-o", "a")
    assert said.out == "a/outputs/sub/notes.txt\n"
    said = invoke("download", "@3", "--prefix", "outputs", "model.bin", "-o", "b")
    assert said.out == "b/outputs/model.bin\n"


def test_an_unknown_file_is_named(history: History, invoke: Invoke) -> None:
    said = invoke("download", "@3", "outputs/modle.bin")
    assert "has no file 'outputs/modle.bin'; did you mean 'outputs/model.bin'?" in said.err
    assert said.code == 2
    said = invoke("download", "@3", "--prefix", "zzz")
    assert "has no file whose name begins with 'zzz'" in said.err
    said = invoke("download", "@3", "../run.json")
    assert "has no file '../run.json'" in said.err


def test_nothing_of_the_users_is_replaced_unasked(history: History, invoke: Invoke) -> None:
    os.makedirs("here/outputs")
    Path("here/outputs/model.bin").write_text("mine")
    said = invoke("download", "@3", "--prefix", "outputs/", "-o", "here")
    assert said.err == (
        "error: 'here/outputs/model.bin' is there already; "
        "give another folder with -o, or --overwrite\n"
    )
    assert sorted(os.listdir("here/outputs")) == ["model.bin"]
    assert Path("here/outputs/model.bin").read_text() == "mine"
    assert invoke("download", "@3", "--prefix", "outputs/", "-o", "here", "--overwrite").code == 0
    assert Path("here/outputs/model.bin").stat().st_size == 1500


def test_what_cannot_be_copied_is_left_out(history: History, invoke: Invoke) -> None:
    os.symlink("/nowhere", history.good.join("outputs/dangling"))
    os.mkfifo(history.good.join("outputs/pipe"))
    said = invoke("download", "@3", "--prefix", "outputs/", "-o", "here")
    assert said.code == 0
    assert len(said.out.splitlines()) == 2
    assert "warning: left out, it is no file that can be copied: outputs/dangling\n" in said.err
    assert "copied: outputs/pipe\n" in said.err
    assert invoke("files", "@3").code == 0
