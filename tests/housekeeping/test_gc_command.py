"""``runyard gc`` as users see it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from runyard import Workspace
from runyard.errors import UserErrorException
from runyard.record import owner, workdir
from runyard.record.layout import RunDirectory
from tests.cli.fixtures import History, Invoke
from tests.housekeeping import stores

_STORE = ("--only", "snapshots", "--only", "work", "--only", "leftovers")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))


def test_it_shows_first_and_removes_with_yes(history: History, invoke: Invoke) -> None:
    shutil.rmtree(history.raises.path)
    stores.grow_old(history.good.workspace)
    before = stores.snapshots(history.good.workspace)

    shown = invoke("gc", *_STORE)
    assert shown.code == 0
    assert shown.out.splitlines()[0].startswith("1 snapshot would be removed, ")
    assert shown.words.endswith("to be freed; to remove it: --yes")
    assert stores.snapshots(history.good.workspace) == before

    said = invoke("gc", "--yes", "--json", *_STORE).json
    assert said["removed"] is True
    snapshots, blobs, work, leftovers = said["kinds"]
    assert [snapshots["count"], blobs["count"], work["count"], leftovers["count"]] == [1, 1, 0, 0]
    (gone,) = before - stores.snapshots(history.good.workspace)
    assert snapshots["names"] == [gone]
    assert invoke("gc", "--yes", *_STORE).words == "0 bytes freed"


def test_all_kinds_are_looked_at(history: History, invoke: Invoke) -> None:
    found = invoke("gc", "--json").json["kinds"]
    kinds = ["snapshots", "blobs", "work", "leftovers", "environments", "data"]
    assert [group["kind"] for group in found] == kinds


def test_an_unknown_kind_is_refused(history: History) -> None:
    with pytest.raises(UserErrorException) as refused:
        Workspace.from_config().gc(only=["runs"])
    assert refused.value.message == (
        "'runs' is not a kind of what can be removed; give of: snapshots, blobs, work, "
        "leftovers, environments, data"
    )


def _with_its_source(run: RunDirectory) -> None:
    """As a runner that was killed leaves it."""
    (manifest,) = (
        path
        for path in Path(run.workspace.path, "snapshots").iterdir()
        if path.stem in Path(run.run_json).read_text()
    )
    workdir.materialise(str(manifest), run.workspace.blobs, run.work)


def test_the_source_goes_from_the_folder_of_a_lost_run(history: History, invoke: Invoke) -> None:
    run = history.exits
    _with_its_source(run)
    Path(run.work, "mine.txt").write_text("kept")
    Path(run.work, "added.txt").write_text("changed")
    command = ("gc", "--yes", "--only", "work")
    assert invoke(*command).out.startswith("0 runs")  # it has ended a moment ago

    assert "would be removed" in invoke("gc", "--only", "work", "--grace", 0).out
    assert Path(run.work, "train.py").exists()

    ownership = owner.take(run.lock)
    assert ownership is not None
    held = invoke(*command, "--grace", 0)
    assert held.words.startswith(f"warning: work kept: run {run.id}: a process holds its lock")
    ownership.release()

    done = invoke(*command, "--grace", 0)
    assert done.out.splitlines() == [
        f"1 run with copies of its source removed, {_size(done.out)}",
        f"  main/{run.id}",
    ]
    assert {*os.listdir(run.work)} == {"mine.txt", "added.txt", "outputs", "logs"}


def _size(out: str) -> str:
    return out.splitlines()[0].rpartition(", ")[2]


def test_a_work_folder_that_is_a_link_is_left_alone(history: History, invoke: Invoke) -> None:
    run = history.exits
    _with_its_source(run)
    elsewhere = history.folder / "elsewhere"
    os.rename(run.work, elsewhere)
    os.symlink(elsewhere, run.work)
    invoke("gc", "--yes", "--only", "work", "--grace", 0)
    assert (elsewhere / "train.py").exists()


def test_a_snapshot_that_leads_outside_removes_nothing(history: History, invoke: Invoke) -> None:
    run = history.exits
    _with_its_source(run)
    target = Path(run.path, "added.txt")
    shutil.copy2(Path(run.work, "added.txt"), target)
    for path in Path(run.workspace.path, "snapshots").iterdir():
        path.write_text(path.read_text().replace('"added.txt"', '"../added.txt"'))
    said = invoke("gc", "--yes", "--only", "work", "--grace", 0)
    assert "is not one that runyard has written: its entry ('../added.txt', " in said.words
    assert target.exists()


def test_what_killed_processes_left_goes_after_an_hour(history: History, invoke: Invoke) -> None:
    top = Path(history.good.workspace.path)
    left = [
        top / "blobs/tmp/12-0123456789abcdef",
        top / "snapshots/x.json.tmp",
        top / "cache/stat-x.tmp",
        top / "models/m/.staging-0123456789abcdef/files/model.bin",
        top / "runs/main/unborn/notes",
    ]
    for path in left[:-1]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    left[-1].mkdir(parents=True)
    command = ("gc", "--yes", "--only", "leftovers", "--grace", 0, "--json")
    assert invoke(*command).json["kinds"][0]["count"] == 0
    then = time.time() - 2 * 3600
    for path in (*left, left[3].parent.parent, left[4].parent):
        os.utime(path, (then, then))
    group = invoke(*command).json["kinds"][0]
    assert sorted(group["names"]) == [
        "blobs/tmp/12-0123456789abcdef",
        "cache/stat-x.tmp",
        "models/m/.staging-0123456789abcdef",
        "runs/main/unborn",
        "snapshots/x.json.tmp",
    ]
    assert not any(path.exists() for path in left)


def test_environments_that_are_not_used_go(
    history: History, invoke: Invoke, tmp_path: Path
) -> None:
    prefix = tmp_path / "cache/environments" / ("a" * 40)
    prefix.mkdir(parents=True)
    (prefix / "runyard.json").write_text(
        f'{{"format": 1, "key": "{prefix.name}", "python": "/bin/sh", "name": "old"}}'
    )
    os.utime(prefix / "runyard.json", (1e9, 1e9))
    shown = invoke("gc", "--only", "environments", "--json").json["kinds"][0]
    assert shown["names"] == [prefix.name]
    assert prefix.exists()
    invoke("gc", "--yes", "--only", "environments")
    assert not prefix.exists()
