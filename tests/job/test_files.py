import io
import os
import shutil
from pathlib import Path

import pytest

from runyard.errors import UserErrorException
from runyard.job.run import Run


def test_files_and_streams_are_stored_under_their_names(interactive_run: Run) -> None:
    Path("a.bin").write_bytes(b"\x00\xff")
    interactive_run.upload_file("outputs/sub/a.bin", "a.bin")
    interactive_run.upload_file("plot.txt", Path("a.bin"))
    interactive_run.upload_file("logs/b", io.BytesIO(b"bytes"))
    interactive_run.upload_file("logs/c", io.StringIO("té"))
    assert interactive_run.get_file_names() == ["logs/b", "logs/c", "outputs/sub/a.bin", "plot.txt"]
    interactive_run.download_file("logs/c")
    assert Path("c").read_text(encoding="utf-8") == "té"


def test_what_cannot_be_uploaded(interactive_run: Run) -> None:
    with pytest.raises(UserErrorException, match="takes a path or an open stream and got an int"):
        interactive_run.upload_file("a", 3)
    with pytest.raises(UserErrorException, match="there is no file 'none' to upload"):
        interactive_run.upload_file("a", "none")
    with pytest.raises(UserErrorException, match="not a usable file name"):
        interactive_run.upload_file("../a", io.BytesIO())
    with pytest.raises(UserErrorException, match="only runyard writes"):
        interactive_run.upload_file("user_logs/std_log.txt", io.BytesIO())
    with pytest.raises(TypeError, match="got 2 names and 1 paths"):
        interactive_run.upload_files(["a", "b"], ["a"])
    with pytest.raises(UserErrorException, match="'none' is not a folder"):
        interactive_run.upload_folder("a", "none")
    assert interactive_run.get_file_names() == []


def test_a_name_is_taken_once(interactive_run: Run) -> None:
    interactive_run.upload_file("a", io.BytesIO(b"first"))
    with pytest.raises(UserErrorException, match="already has a file 'a'"):
        interactive_run.upload_file("a", io.BytesIO(b"second"))
    interactive_run.download_file("a", "copy")
    assert Path("copy").read_bytes() == b"first"


def test_upload_files_and_folder(interactive_run: Run) -> None:
    os.makedirs("tree/sub")
    for name in ("tree/a", "tree/sub/b"):
        Path(name).write_text(name)
    assert interactive_run.upload_files(["x", "y"], ["tree/a", "tree/sub/b"]) is None
    paths = interactive_run.upload_files(["z"], ["tree/a"], return_artifacts=True)
    assert paths == {"z": interactive_run.directory.join("files", "z")}
    interactive_run.upload_folder("outputs/tree", "tree")
    names = ["outputs/tree/a", "outputs/tree/sub/b", "x", "y", "z"]
    assert interactive_run.get_file_names() == names


def test_a_file_of_outputs_may_be_uploaded_as_itself(submitted_run: Run) -> None:
    os.chdir(submitted_run.directory.work)
    Path("outputs/model.pkl").write_bytes(b"m")
    submitted_run.upload_file("outputs/model.pkl", "outputs/model.pkl")
    submitted_run.upload_folder("outputs", "./outputs")
    assert submitted_run.get_file_names() == ["outputs/model.pkl"]


def test_uploads_work_after_the_script_removed_outputs(submitted_run: Run) -> None:
    shutil.rmtree(os.path.join(submitted_run.directory.work, "outputs"))
    submitted_run.upload_file("outputs/a", io.BytesIO(b"a"))
    assert submitted_run.get_file_names() == ["outputs/a"]
    assert os.listdir(os.path.join(submitted_run.directory.work, "outputs")) == ["a"]


@pytest.fixture
def run(interactive_run: Run) -> Run:
    for name in ("outputs/a", "outputs/sub/b", "logs/c", "d"):
        interactive_run.upload_file(name, io.BytesIO(name.encode()))
    return interactive_run


def found() -> "list[str]":
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def test_download_file(run: Run) -> None:
    os.mkdir("folder")
    run.download_file("outputs/sub/b")
    run.download_file("outputs/sub/b", "folder")
    run.download_file("outputs/a", "new/folder/name")
    run.download_file("outputs/a", "none/yet/")
    assert found() == ["b", "folder/b", "new/folder/name", "none/yet/a"]
    with pytest.raises(UserErrorException) as caught:
        run.download_file("outputs/c")
    assert str(caught.value) == (
        f"run {run.id} has no file 'outputs/c'. Its files: d, logs/c, outputs/a, outputs/sub/b"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, ["d", "logs/c", "outputs/a", "outputs/sub/b"]),
        ({"prefix": "outputs"}, ["outputs/a", "outputs/sub/b"]),
        ({"prefix": "outputs", "append_prefix": False}, ["a", "sub/b"]),
        ({"prefix": "outputs/sub/", "append_prefix": False}, ["b"]),
        ({"prefix": "outputs/a", "append_prefix": False}, ["a"]),
        ({"prefix": "logs", "output_directory": "x/y"}, ["x/y/logs/c"]),
        ({"prefix": "outputs", "output_paths": ["1", "2"]}, ["1", "2"]),
    ],
)
def test_download_files(run: Run, arguments: "dict[str, object]", expected: "list[str]") -> None:
    run.download_files(**arguments)  # type: ignore[arg-type]
    assert found() == expected


def test_download_files_says_when_nothing_fits(run: Run) -> None:
    with pytest.warns(UserWarning, match="no file that begins with 'output/'"):
        run.download_files("output/")
    with pytest.raises(UserErrorException, match="got 1 output_paths for 2 files: outputs/a"):
        run.download_files("outputs", output_paths=["one"])


def test_logs(run: Run) -> None:
    Path(run.directory.std_log).write_bytes(b"line\n\xff\n")
    assert run.get_all_logs() == [
        f"assets/{run.id}/logs/c",
        f"assets/{run.id}/user_logs/std_log.txt",
    ]
    assert run.get_all_logs("x")[0] == "x/logs/c"
    assert Path("x/user_logs/std_log.txt").read_bytes() == b"line\n\xff\n"
    assert run.get_details()["logFiles"]["user_logs/std_log.txt"] == run.directory.std_log
    logs = run.get_details_with_logs()["logFiles"]
    assert logs == {
        "logs/c": "logs/c",
        "user_logs/std_log.txt": "line\n\N{REPLACEMENT CHARACTER}\n",
    }


def test_downloading_onto_itself_keeps_the_file(submitted_run: Run) -> None:
    os.chdir(submitted_run.directory.work)
    Path("outputs/a").write_text("a")
    submitted_run.download_file("outputs/a", "outputs/a")
    submitted_run.download_files("outputs")
    assert Path("outputs/a").read_text() == "a"
