"""A workspace that somebody else made: looking at it runs nothing and writes nothing of ours."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from runyard.cli import program
from runyard.errors import SnapshotException, UserErrorException
from runyard.history.workspace import Workspace
from runyard.record import owner, script, workdir
from tests.security.conftest import ANOTHER, Scene

RECORDS = (
    "events.jsonl",
    "handle.json",
    "environment.json",
    "runner.lock",
    "user_logs/std_log.txt",
    "system_logs/runner.txt",
    "outputs/model.bin",
)


def _replaced(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def test_readers_of_another_users_workspace_leave_it_and_the_home_as_they_were(
    scene: Scene,
) -> None:
    scene.unended()
    scene.given_away()
    before = sorted(Path(scene.workspace.path).rglob("*")), scene.look()
    said = scene.read()
    assert (sorted(Path(scene.workspace.path).rglob("*")), scene.look()) == before
    assert "NotResponding" in said[0]["out"], "nobody may end a run of another user"
    assert (scene.folder / "downloaded/outputs/model.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("name", RECORDS)
def test_a_pipe_in_place_of_a_file_makes_nobody_wait(scene: Scene, name: str) -> None:
    os.mkfifo(_replaced(Path(scene.run.join(name))))
    scene.given_away()
    assert scene.other.id in scene.read()[0]["out"]


@pytest.mark.parametrize("name", ["workspace.json", "run.json", "events.jsonl"])
def test_a_file_larger_than_memory_is_not_read(scene: Scene, name: str) -> None:
    whose = scene.workspace.path if name == "workspace.json" else scene.run.path
    with open(_replaced(Path(whose, name)), "wb") as stream:
        stream.truncate(1 << 40)
    scene.given_away()
    said = scene.read()
    assert f"it has {1 << 40} bytes, and at most 268435456 are read" in said[0]["err"]


@pytest.mark.parametrize("name", ["events.jsonl", "runner.lock", "handle.json"])
def test_a_link_in_place_of_a_file_is_not_written_through(scene: Scene, name: str) -> None:
    scene.unended()
    ours = scene.home / "ours.json"
    ours.write_bytes(Path(scene.run.join(name)).read_bytes())
    _replaced(Path(scene.run.join(name))).symlink_to(ours)
    scene.given_away()
    before = scene.look()
    scene.read()
    assert scene.look() == before


def test_the_runner_of_a_run_of_ours_writes_through_no_link_either(scene: Scene) -> None:
    _replaced(Path(scene.run.lock)).symlink_to(scene.home / "secret.txt")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        owner.take(scene.run.lock)
    assert (scene.home / "secret.txt").read_text() == "for no other eyes\n"


def test_the_index_of_another_users_workspace_is_kept_apart(scene: Scene) -> None:
    ours = scene.home / "places.sqlite"
    with sqlite3.connect(ours) as database:
        database.execute("CREATE TABLE runs (kept TEXT)")
        database.execute("INSERT INTO runs VALUES ('kept')")
    database.close()
    Path(scene.workspace.index).symlink_to(ours)
    scene.given_away()
    before = scene.look()
    said = scene.read()
    assert scene.look() == before
    assert [one["code"] for one in said if one["words"] == ["reindex"]] == [0]
    assert len(list((scene.folder / "cache/runyard/indexes").glob("*.db"))) == 1


def test_a_process_that_a_hostile_run_claims_is_not_killed(scene: Scene) -> None:
    scene.unended()
    scene.given_away()
    environment = {**os.environ, "RUNYARD_RUN_DIRECTORY": scene.run.path}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, env=environment) as ours:
        scene.read()
        assert ours.poll() is None
        ours.communicate(b"\n", timeout=20)
        assert ours.returncode == 0


def test_links_out_of_a_run_of_another_user_are_not_downloaded(scene: Scene) -> None:
    outputs = Path(scene.run.outputs)
    (outputs / "key").symlink_to(scene.home / "secret.txt")
    (outputs / "near").symlink_to("model.bin")
    Path(scene.run.files).mkdir(exist_ok=True)
    Path(scene.run.files, "home").symlink_to(scene.home)
    scene.given_away()
    said = scene.read()
    downloaded = scene.folder / "downloaded"
    assert not any(b"other eyes" in p.read_bytes() for p in downloaded.rglob("*") if p.is_file())
    assert (downloaded / "outputs/near").read_bytes() == b"weights"
    (words,) = (one["err"] for one in said if one["words"][0] == "download")
    assert f"is a link to '{scene.home}/secret.txt', outside of the run" in words
    run = Workspace.at(scene.workspace).get_run(scene.run.id)
    with pytest.raises(UserErrorException, match="outside of the run, and the run is another"):
        run.download_file("outputs/key", str(scene.folder / "taken"))


def test_a_folder_that_leads_home_shows_nothing_of_it(scene: Scene) -> None:
    os.unlink(scene.run.logs)
    os.symlink(scene.home, scene.run.logs)
    scene.given_away()
    scene.read()
    downloaded = scene.folder / "downloaded"
    assert not any(b"other eyes" in p.read_bytes() for p in downloaded.rglob("*") if p.is_file())


def _outside(blob: str, home: Path) -> list[list[list[object]]]:
    up = "../" * 40 + str(home).lstrip("/")
    return [
        [[f"{up}/new", "f", 0o644, blob, 7]],
        [[f"{home}/new", "f", 0o644, blob, 7]],
        [["a/../../../../new", "f", 0o644, blob, 7]],
        [["here", "l", 0o777, str(home), 0], ["here/new", "f", 0o644, blob, 7]],
        [["here", "l", 0o777, str(home), 0], ["here/a/b", "d", 0o755, "", 0]],
        [["here", "l", 0o777, str(home), 0], ["here", "d", 0o700, "", 0]],
        [["train.py", "f", 0o4755, blob, 7]],
        [["taken", "f", 0o644, f"{up}/secret.txt", 18]],
        [["", "f", 0o644, blob, 7]],
        [["a\0b", "f", 0o644, blob, 7]],
    ]


@pytest.mark.parametrize("number", range(10))
def test_no_entry_of_a_snapshot_leads_out_of_its_folder(scene: Scene, number: int) -> None:
    blob = next(p.name for p in Path(scene.workspace.blobs).rglob("*") if len(p.name) == 64)
    entries = _outside(blob, scene.home)[number]
    manifest = Path(scene.workspace.manifest("0" * 32))
    manifest.write_text(json.dumps({"format": 1, "entries": entries}))
    before = scene.look()
    target = scene.folder / "laid out"
    target.mkdir()
    with pytest.raises(SnapshotException, match=r"is refused. Nothing was written"):
        workdir.materialise(str(manifest), scene.workspace.blobs, str(target))
    assert scene.look() == before
    assert not list(target.iterdir())


def test_what_is_own_is_the_folder_of_this_user_and_no_link_of_another(scene: Scene) -> None:
    elsewhere = scene.folder / "elsewhere"
    os.rename(scene.workspace.runs, elsewhere)
    os.symlink(elsewhere, scene.workspace.runs)
    assert owner.is_own(scene.run.path), "runs/ may lie on another disk"
    os.lchown(scene.workspace.runs, ANOTHER, ANOTHER)
    assert not owner.is_own(scene.run.path)
    assert owner.is_led_elsewhere(scene.run.path)
    assert not owner.is_own(scene.run.path + "-gone")


def _forged(scene: Scene, pid: int, **more: object) -> None:
    """A record of a script that runs: it names a process of ours as what is to be watched."""
    scene.unended()
    who = owner.identity(pid)
    folder = Path(scene.run.launch)
    folder.mkdir(exist_ok=True)
    lines = [
        {"t": 1.0, **who, "space": script.space()},
        {"t": 1.0, "script": pid, "started": who["start"]},
        *([{"t": 2.0, **more}] if more else []),
    ]
    (folder / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("whose", ["theirs", "ours, unpacked from an archive"])
@pytest.mark.parametrize("asked", ["", "cancel-1.json"])
def test_a_forged_record_of_a_script_kills_no_process_that_it_names(
    scene: Scene, whose: str, asked: str
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as ours:
        _forged(scene, ours.pid)
        if asked:
            Path(scene.run.requests, asked).write_text('{"request": "cancel"}')
        if whose == "theirs":
            scene.given_away()
        scene.read()
        assert ours.poll() is None
        ours.communicate(b"\n", timeout=20)
        assert ours.returncode == 0


def test_a_forged_exit_code_starts_no_runner_for_a_run_of_another_user(scene: Scene) -> None:
    _forged(scene, os.getpid(), code=0)
    record = json.loads(Path(scene.run.run_json).read_text())
    record["spec"]["environment"]["interpreter"] = str(scene.home / "program")
    Path(scene.run.run_json).write_text(json.dumps(record))
    program = scene.home / "program"
    program.write_text(f"#!/bin/sh\ntouch {scene.home}/carried-out\n")
    program.chmod(0o755)
    scene.given_away()
    before = scene.look(), sorted(Path(scene.run.path).rglob("*"))
    said = scene.read()
    assert (scene.look(), sorted(Path(scene.run.path).rglob("*"))) == before
    assert "NotResponding" in said[0]["out"]


def test_the_container_of_another_run_is_not_removed(scene: Scene) -> None:
    scene.unended()
    program = scene.home / "docker"
    program.write_text(f"#!/bin/sh\ntouch {scene.home}/carried-out\n")
    program.chmod(0o755)
    place = {"engine": str(program), "container": f"runyard-{scene.run.id}-1"}
    Path(scene.run.container_json).write_text(json.dumps(place))
    before = scene.look()
    scene.read()  # the folder is ours: unpacked from an archive
    assert scene.look() == before


@pytest.mark.parametrize("name", ["blobs", "snapshots", "cache", "incoming", "runs", "models"])
@pytest.mark.parametrize("whose", ["theirs", "ours, unpacked from an archive"])
def test_gc_removes_nothing_behind_a_link(scene: Scene, name: str, whose: str) -> None:
    old = 1_000_000_000
    for kept in ("aa/" + "a" * 64, "b" * 32 + ".json", "stat-x", "import-0123456789abcdef/x"):
        path = scene.home / "behind" / kept
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (old, old))
        os.utime(path.parent, (old, old))
    place = Path(scene.workspace.path, name)
    if place.exists():
        os.rename(place, place.with_name("moved"))
    place.symlink_to(scene.home / "behind")
    if whose == "theirs":
        scene.given_away()
    before = scene.look()
    argv = ["--workspace", scene.workspace.path, "gc", "--yes", "--grace", "0"]
    CliRunner().invoke(program, argv)
    assert scene.look() == before


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("boot", ["another", "this"])
def test_a_run_that_was_unpacked_is_not_started_whatever_it_asks_for(
    scene: Scene, begun: bool, boot: str
) -> None:
    scene.unended()
    run = scene.run
    record = json.loads(Path(run.run_json).read_text())
    record["spec"]["max_restarts"] = 5
    Path(run.run_json).write_text(json.dumps(record))
    who = {**owner.identity(), "pid": 1, "start": 1}
    Path(run.lock).write_text(json.dumps(who if boot == "this" else {**who, "boot": "b"}) + "\n")
    if not begun:
        events = Path(run.events).read_text().splitlines(keepends=True)
        Path(run.events).write_text("".join(e for e in events if '"Running"' not in e))
        shutil.rmtree(run.launch, ignore_errors=True)
    else:  # its witness was killed as well
        witness = {"t": 1.0, **json.loads(Path(run.lock).read_text()), "space": script.space()}
        Path(script.path_of(run)).write_text(json.dumps(witness) + "\n")
    Path(run.std_log).write_text("as it came\n")
    said = scene.read()
    assert Path(run.std_log).read_text() == "as it came\n"
    shown = next(one["out"] for one in said if one["words"] == ["show", "RUN"])
    assert "Failed (runner_lost)" in shown
