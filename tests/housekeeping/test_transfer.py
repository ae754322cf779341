"""``runyard export`` and ``runyard import``: runs come whole, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runyard import Experiment, Run, Workspace
from runyard.errors import UserErrorException
from runyard.history import verification
from runyard.record import creation, owner
from runyard.record.layout import RunDirectory
from tests.cli.fixtures import History, Invoke, run_directory
from tests.faults import laws
from tests.housekeeping import stores

_NOT_TAKEN = {"runner.lock", "handle.json", "launch", "requests"}


@pytest.fixture
def other(tmp_path: Path) -> Workspace:
    """Where runs come to."""
    return Workspace.create("other", path=tmp_path / "other")


def _files(run: RunDirectory) -> dict[str, tuple[str, bytes]]:
    """Everything of a run that comes along."""
    top = Path(run.path)
    found = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top)
        if name.parts[0] not in _NOT_TAKEN:
            link = os.readlink(path) if path.is_symlink() else ""
            content = path.read_bytes() if path.is_file() and not link else b""
            found[str(name)] = (link, content)
    return found


def test_a_run_comes_whole(history: History, invoke: Invoke, other: Workspace) -> None:
    run = history.good
    Path(run.work, "link").symlink_to("outputs/sub/notes.txt")
    Path(run.work, "gibt's nicht\udcff").write_text("odd")
    os.chmod(os.path.join(run.work, "outputs/model.bin"), 0o600)
    said = invoke("export", run.id, "runs.tar")
    assert (said.code, said.out.split(", ")[0]) == (0, "1 run written to runs.tar")

    said = invoke("-w", other.path, "import", "runs.tar")
    assert (said.out, said.words) == (f"main/{run.id}\n", "1 run imported")
    come = other.get_run(run.id)
    assert _files(come.directory) == _files(run)
    assert come.get_metrics()["accuracy"] == 0.5
    assert come.tags == {"stage": "final"}
    assert os.stat(os.path.join(come.directory.work, "outputs/model.bin")).st_mode & 0o777 == 0o600
    assert stores.snapshots(other.directory) <= stores.snapshots(run.workspace)
    assert verification.examine(other.directory, deep=True).findings == []
    laws.hold(other.directory, said=[run.id])
    assert os.listdir(os.path.join(other.path, "incoming")) == []


def test_the_same_runs_give_the_same_bytes(history: History, invoke: Invoke) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        assert invoke("export", history.exits.id, history.good.id, name).code == 0
    assert Path("a.tar.gz").read_bytes() == Path("b.tar.gz").read_bytes()
    assert invoke("export", history.good.id, "a.tar.gz").words == (
        "error: a.tar.gz is there already; give another name, or remove it"
    )


def test_an_import_can_be_exported_again_as_the_same_bytes(
    history: History, invoke: Invoke, other: Workspace
) -> None:
    invoke("export", history.good.id, "a.tar")
    invoke("-w", other.path, "import", "a.tar")
    invoke("-w", other.path, "export", "last", "b.tar")
    assert Path("a.tar").read_bytes() == Path("b.tar").read_bytes()


def test_a_run_that_has_come_can_be_run_again(
    history: History, invoke: Invoke, other: Workspace
) -> None:
    invoke("export", history.good.id, "a.tar")
    invoke("-w", other.path, "import", "a.tar")
    said = invoke("-w", other.path, "rerun", "-f", "--json", history.good.id)
    assert (said.code, said.json["status"]) == (0, "Completed")


def test_through_a_pipe(history: History, other: Workspace) -> None:
    runyard = [sys.executable, "-m", "runyard"]
    packed = subprocess.run(
        [*runyard, "export", history.good.id, history.raises.id, "-"],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    command = [*runyard, "-w", other.path, "import", "-", "--json"]
    said = json.loads(subprocess.run(command, input=packed, check=True, capture_output=True).stdout)
    assert {run["id"] for run in said["runs"]} == {history.good.id, history.raises.id}
    assert set(other.experiments) == {"main", "other"}


def _family(history: History) -> tuple[Run, Run]:
    parent = Experiment(Workspace.from_config(), "family").start_logging(snapshot_directory=None)
    with parent.child_run("kid") as child:
        child.log("loss", 1.0)
    parent.complete()
    return parent, child


def test_children_come_with_their_parents(
    history: History, invoke: Invoke, other: Workspace
) -> None:
    parent, child = _family(history)
    assert invoke("export", parent.id, "a.tar", "--json").json["runs"] == [parent.id, child.id]
    invoke("-w", other.path, "import", "a.tar")
    (come,) = other.get_run(parent.id).get_children()
    assert (come.id, come.parent.id, come.get_metrics()) == (child.id, parent.id, {"loss": 1.0})
    assert invoke("export", parent.id, "b.tar", "--no-children", "--json").json["runs"] == [
        parent.id
    ]


def test_ids_that_are_taken(history: History, invoke: Invoke) -> None:
    parent, child = _family(history)
    invoke("export", parent.id, history.good.id, "a.tar")
    said = invoke("import", "a.tar")
    ids = ", ".join(sorted((parent.id, child.id, history.good.id)))
    assert (said.code, said.words) == (
        2,
        f"error: there are runs of the same ids here: {ids}. Nothing was taken; leave them out "
        "with --clash skip, or take them under other ids with --clash rename",
    )
    assert invoke("import", "a.tar", "--clash", "skip").words == (
        "0 runs imported, 3 skipped: here already"
    )
    out = invoke("import", "a.tar", "--clash", "rename").out.splitlines()
    assert f"main/{history.good.id}-2 (was {history.good.id})" in out
    workspace = Workspace.from_config()
    (come,) = workspace.get_run(f"{parent.id}-2").get_children()
    assert (come.id, come.parent.id) == (f"{child.id}-2", f"{parent.id}-2")
    assert come.properties["runyard.imported_as_another_id_of"] == child.id
    (still,) = workspace.get_run(parent.id).get_children()
    assert still.id == child.id
    assert verification.examine(workspace.directory, deep=True).findings == []


def test_last_is_the_newest_run_and_no_copy_of_it(history: History, invoke: Invoke) -> None:
    """A copy was made when its original was, and is no later run."""
    last = invoke("show", "last", "--json").json["run_id"]
    invoke("export", last, "a.tar")
    for copy in (f"{last}-2", f"{last}-3"):
        assert copy in invoke("import", "a.tar", "--clash", "rename").out
    assert invoke("show", "last", "--json").json["run_id"] == last
    assert invoke("show", "@2", "--json").json["run_id"] == f"{last}-3"


def test_what_is_not_taken_is_said(history: History, invoke: Invoke) -> None:
    outside = Path(history.good.work, "outside")
    outside.symlink_to("/etc/passwd")
    os.mkfifo(os.path.join(history.good.work, "pipe"))
    words = invoke("export", history.good.id, "a.tar").words
    assert f"warning: {outside} leads out of the run, to '/etc/passwd', and is left out" in words
    assert "pipe is no file (a pipe, a socket or a device) and is left out" in words
    assert invoke("import", "a.tar", "--clash", "rename").code == 0
    come = run_directory(history.folder, f"{history.good.id}-2")
    assert not os.path.lexists(os.path.join(come.work, "outside"))


@pytest.mark.parametrize("name", ["runs.zip", "runs.tgz", "runs.gz", "runs"])
def test_the_name_says_what_an_archive_is(history: History, invoke: Invoke, name: str) -> None:
    said = invoke("export", history.good.id, name)
    assert (said.code, said.words) == (
        2,
        f"error: an archive is a .tar, or compressed a .tar.gz: name it so, not {name!r}",
    )
    assert not Path(name).exists()


def test_a_folder_that_is_not_there_is_named(history: History, invoke: Invoke) -> None:
    said = invoke("export", history.good.id, "gone/runs.tar")
    assert (said.code, said.words) == (2, "error: there is no folder 'gone'; make it first")


def test_runs_that_go_on_stay(history: History, invoke: Invoke) -> None:
    run = creation.create_run(history.good.workspace, "main", {"type": "interactive"}, "going")
    assert invoke("export", "going", "a.tar").words == (
        "error: run going has not ended; wait for it (runyard logs -f going), or end it: runyard "
        "cancel going"
    )
    stores.end(run)
    ownership = owner.take(run.lock)
    assert ownership is not None
    assert invoke("export", "going", "a.tar").code == 2  # its runner is still there
    ownership.release()
    assert invoke("export", "going", "a.tar").code == 0
    assert os.listdir(".").count("a.tar") == 1


def test_damage_is_said_before_anything_is_written(history: History, invoke: Invoke) -> None:
    for blob in Path(history.good.workspace.blobs).glob("??/*"):
        os.chmod(blob, 0o644)
        blob.write_bytes(bytes(blob.stat().st_size))
    words = invoke("export", history.good.id, "a.tar").words
    assert words.endswith("is damaged; see: runyard verify --deep")
    blob.unlink()
    words = " ".join(
        invoke("export", run.id, "a.tar").words
        for run in (history.good, history.exits, history.raises)
    )
    assert f"is missing or damaged ({blob}); see: runyard verify" in words
    Path(history.good.run_json).write_text("{")
    assert "cannot be read" in invoke("export", history.good.id, "b.tar").words
    assert not Path("b.tar").exists()


def test_it_is_a_call_of_the_workspace_too(history: History, other: Workspace) -> None:
    ids = Workspace.from_config().export_runs([history.good.id], "a.tar")
    done = other.import_runs(Path("a.tar"))
    assert ids == [history.good.id]
    assert done.runs == {history.good.id: ("main", history.good.id)}
    with pytest.raises(UserErrorException, match="clash='replace' is not known; give one of"):
        other.import_runs("a.tar", clash="replace")
    with pytest.raises(UserErrorException, match="there are no runs to export; name some"):
        other.export_runs([], "b.tar")
    assert not os.path.exists("b.tar")


def test_memory_does_not_grow_with_what_runs_have(tmp_path: Path) -> None:
    """Of an output of 64 MiB, and of 10,000 files."""
    workspace = Workspace.create("large", path=tmp_path / "ws")
    run = stores.recorded(workspace.directory, _source(tmp_path))
    os.makedirs(os.path.join(run.work, "outputs/many"))
    with open(os.path.join(run.work, "outputs/large"), "wb") as file:
        file.truncate(64 << 20)
    for number in range(10_000):
        Path(run.work, "outputs/many", str(number)).touch()
    stores.end(run)
    peaks = {}
    for name, code in (
        ("export", "export_runs([{id!r}], {file!r})"),
        ("import", "import_runs({file!r}, clash='rename')"),
    ):
        text = code.format(id=run.id, file=str(tmp_path / "a.tar"))
        program = f"""
from runyard import Workspace
import runyard.history.transfer.{name}ing

def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])

workspace = Workspace.at({workspace.path!r})
before = peak()
workspace.{text}
print(peak() - before)
"""
        done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
        peaks[name] = int(done.stdout) // 1024
    assert max(peaks.values()) < 16, peaks  # MiB


def _source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    return folder
