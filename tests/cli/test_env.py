"""``runyard env``: built environments listed, shown, locked, built and removed."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import time
from pathlib import Path

import pytest

from runyard.environments import Environment, cache, inventory, pruning
from runyard.errors import UserErrorException
from runyard.testing import runs
from tests.cli.fixtures import History, Invoke

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "cache"))


def made(key: str, name: str = "train", *, days: float = 0, n_bytes: int = 100) -> Path:
    """An environment in the cache, last used so many days ago."""
    prefix = Path(cache.prefix(key))
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "data").write_bytes(b"x" * n_bytes)
    marker = {
        "format": cache.MARKER_FORMAT,
        "key": key,
        "name": name,
        "python": str(prefix / "bin" / "python"),
        "python_version": "3.9.1",
        "requirements": ["numpy"],
        "lock": ["numpy==1.2", "six==1.0"],
        "seconds": 1.0,
        "built": time.time() - days * DAY_S,
    }
    path = prefix / cache.MARKER_NAME
    path.write_text(json.dumps(marker))
    used = time.time() - days * DAY_S
    os.utime(path, (used, used))
    return prefix


def test_list(invoke: Invoke, project: Path) -> None:
    assert "no environment is built yet in" in invoke("env", "list").err
    made("a" * 32, "old", days=3)
    made("b" * 32, "new")
    Path(cache.prefix("c" * 32)).mkdir()
    said = invoke("env", "list")
    rows = said.out.splitlines()
    assert rows[0].split()[:4] == ["KEY", "NAME", "PYTHON", "PACKAGES"]
    assert {row.split()[1] for row in rows[1:]} == {"old", "new", "(unfinished)"}
    assert "aaaaaaaaaaaa" in rows[3]
    assert "3 d ago" in rows[3]
    assert "3 environments" in said.err
    listed = invoke("env", "list", "--json").json
    old = next(item for item in listed if item["name"] == "old")
    assert (old["key"], old["lock"]) == ("a" * 32, ["numpy==1.2", "six==1.0"])
    assert old["size_bytes"] > 100


def test_show(invoke: Invoke, project: Path) -> None:
    made("ab" + "0" * 30, "one")
    made("ac" + "0" * 30, "two")
    assert "numpy==1.2" in invoke("env", "show", "one").out
    assert invoke("env", "show", "ac", "--json").json["name"] == "two"
    for text, message in (
        ("a", "'a' is the beginning of 2 keys: "),
        ("zzz", "has the key or the name 'zzz'; see: runyard env list"),
    ):
        said = invoke("env", "show", text)
        assert said.code == 2
        assert message in said.words


def test_the_runs_of_an_environment(invoke: Invoke, history: History) -> None:
    key = "ab" + "0" * 30
    made(key, "one")
    made("cd" + "0" * 30, "two")
    for run in (history.good, history.raises):
        record = json.loads(Path(run.run_json).read_text())
        record["spec"]["environment"]["key"] = key
        Path(run.run_json).write_text(json.dumps(record))
    invoke("reindex")
    rows = [line.split() for line in invoke("env", "list").out.splitlines()]
    assert rows[0][3:5] == ["PACKAGES", "RUNS"]
    assert {row[1]: row[4] for row in rows[1:]} == {"one": "2", "two": "0"}
    listed = invoke("env", "list", "--json").json
    assert {item["name"]: item["runs"] for item in listed} == {"one": 2, "two": 0}
    words = " ".join(invoke("env", "show", "one").out.split())
    place = history.folder / ".runyard"
    assert (
        f"runs: 2 in {place}: {history.raises.id} (Failed), {history.good.id} (Completed)" in words
    )
    shown = invoke("env", "show", "one", "--json").json["runs"]
    assert [(run["run_id"], run["experiment"], run["status"]) for run in shown] == [
        (history.raises.id, "other", "Failed"),
        (history.good.id, "main", "Completed"),
    ]
    assert f"none in {place}" in invoke("env", "show", "two").out


def test_without_a_workspace_no_runs_are_known(invoke: Invoke, project: Path) -> None:
    made("a" * 32)
    assert invoke("env", "list", "--json").json[0]["runs"] is None
    said = invoke("env", "show", "train")
    assert "unknown: no workspace here" in said.out
    assert list(project.iterdir()) == []


def test_prune_needs_a_limit(invoke: Invoke, project: Path) -> None:
    said = invoke("env", "prune")
    assert said.code == 2
    assert "give what to remove: --older-than DAYS, --max-size GB, or both" in said.words


def test_prune_by_age(invoke: Invoke, project: Path) -> None:
    old, new = made("a" * 32, days=40), made("b" * 32, days=1)
    said = invoke("env", "prune", "--older-than", "30", "--dry-run")
    assert "aaaaaaaaaaaa train" in said.out
    assert "would be removed: not used for 40.0 days" in said.out
    assert old.exists()
    found = invoke("env", "prune", "--older-than", "30", "--json").json
    assert [(item["key"], item["removed"]) for item in found] == [("a" * 32, True)]
    assert not old.exists()
    assert new.exists()
    assert cache.built("b" * 32) is not None


def test_prune_by_size_removes_the_longest_unused_first() -> None:
    for key, days in (("a", 3), ("b", 1), ("c", 2)):
        made(key * 32, days=days, n_bytes=1_000_000)
    decisions = pruning.prune(now=time.time(), max_bytes=1_500_000)
    assert [d.cached.key[0] for d in decisions] == ["a", "c"]
    assert [item.key[0] for item in inventory.every()] == ["b"]
    assert not [p for p in Path(inventory.folder()).iterdir() if p.name.startswith(".removed")]


def test_one_in_use_stays() -> None:
    """By this process, as by a runner: until it ends."""
    key = "a" * 32
    made(key, days=40)
    assert cache.used(key) is not None
    assert time.time() - inventory.find(key).last_used < 60
    (decision,) = pruning.prune(now=time.time() + 90 * DAY_S, older_than_s=30 * DAY_S)
    assert (decision.removed, decision.why) == (False, "kept: a run uses it")
    assert cache.built(key) is not None


def test_one_being_built_stays() -> None:
    made("a" * 32, days=40)
    with open(cache.build_lock("a" * 32), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (decision,) = pruning.prune(now=time.time(), older_than_s=DAY_S)
    assert (decision.removed, decision.why) == (False, "kept: it is being built")


def test_one_being_built_on_another_machine_stays() -> None:
    """Whose locks are not seen here."""
    made("a" * 32, days=40)
    who = {"host": "far-away", "boot": "b", "pid": 1, "start": 1, "started": 1.0}
    Path(f"{cache.build_lock('a' * 32)}.owner").write_text(json.dumps(who))
    (decision,) = pruning.prune(now=time.time(), older_than_s=DAY_S)
    assert (decision.removed, decision.why) == (False, "kept: it is being built")


def test_where_there_are_no_locks_all_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    made("a" * 32, days=40)

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    (decision,) = pruning.prune(now=time.time(), older_than_s=DAY_S)
    assert not decision.removed
    assert decision.why == "kept: its folder has no file locks, so who uses it cannot be told"


def test_one_that_a_run_will_use_stays() -> None:
    made("a" * 32, days=40)
    (decision,) = pruning.prune(now=time.time(), older_than_s=DAY_S, wanted={"a" * 32})
    assert (decision.removed, decision.why) == (
        False,
        "kept: a run that has not ended uses it",
    )


def test_one_being_removed_does_not_count_as_built() -> None:
    key = "a" * 32
    made(key)
    with open(cache.use_lock(key), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cache.used(key) is None
    assert cache.used(key) is not None


def test_what_a_killed_pruning_left_is_removed() -> None:
    left = Path(inventory.folder(), ".removed-x-1")
    left.mkdir(parents=True)
    pruning.prune(now=time.time(), older_than_s=DAY_S, dry_run=True)
    assert left.exists()
    pruning.prune(now=time.time(), older_than_s=DAY_S)
    assert not left.exists()


def test_build_needs_something(invoke: Invoke, project: Path) -> None:
    said = invoke("env", "build")
    assert said.code == 2
    assert (
        "there is nothing to build: give a file, such as requirements.txt, --pip PKG, or"
        in said.words
    )
    assert "there is no file 'none.txt'" in invoke("env", "build", "none.txt").words


@pytest.mark.integration
def test_build_list_and_reuse(invoke: Invoke, project: Path) -> None:
    (project / "requirements.txt").write_text("# nothing\n")
    said = invoke("env", "build", "requirements.txt", "--name", "empty")
    assert said.code == 0
    assert "Building environment 'empty', key " in said.out
    assert "Built in " in said.out
    again = invoke("env", "build", "requirements.txt", "--json")
    assert again.json["reused"]
    assert "is ready" in again.err
    assert inventory.find("empty").lock == ()


@pytest.mark.integration
def test_a_failed_build(invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(project / "uv"))
    said = invoke("env", "build", "--pip", "no-such-package-of-runyard", "--json")
    assert said.code == 1
    assert said.json["ok"] is False
    assert "no-such-package-of-runyard" in said.json["error"]["message"]
    assert inventory.every() == []


def test_the_lock_of_a_run(invoke: Invoke, history: History) -> None:
    lines = invoke("env", "lock", history.good.id).out.splitlines()
    assert lines[0].startswith(f"# Python {'.'.join(map(str, sys.version_info[:3]))}, /")
    assert lines[0].endswith("/python used as it was")
    assert f"pytest=={pytest.__version__}" in lines
    older = json.loads(Path(history.good.environment_json).read_text())
    del older["lock"]
    Path(history.good.environment_json).write_text(json.dumps(older))
    said = invoke("env", "lock", history.good.id)
    assert said.code == 2
    assert "as it is, and no list of its packages was kept" in said.words
    content = {"ok": True, "kind": "venv", "python_version": "3.9.1", "lock": ["six==1.0"]}
    Path(history.good.environment_json).write_text(json.dumps(content))
    assert invoke("env", "lock", history.good.id).out == "# Python 3.9.1\nsix==1.0\n"
    assert invoke("env", "lock", history.good.id, "--json").json == {
        "run_id": history.good.id,
        "python_version": "3.9.1",
        "requirements": ["six==1.0"],
    }


def test_the_lock_of_a_run_with_conda_packages(invoke: Invoke, history: History) -> None:
    lock = [
        "hello=1.0=0 channel=https://h/c/noarch sha256=ab",
        "python=3.9.1=h0 channel=conda-forge/linux-64 sha256=cd",
        "six==1.0",
    ]
    content = {"ok": True, "kind": "conda", "python_version": "3.9.1", "lock": lock}
    Path(history.good.environment_json).write_text(json.dumps(content))
    said = invoke("env", "lock", history.good.id, "--json").json
    packages = ["https://h/c::hello=1.0=0", "conda-forge::python=3.9.1=h0"]
    assert (said["channels"], said["conda_packages"]) == (["https://h/c", "conda-forge"], packages)
    assert said["requirements"] == ["six==1.0"]
    file = history.folder / "lock.yml"
    file.write_text(invoke("env", "lock", history.good.id).out)
    assert file.read_text().startswith("# Python 3.9.1\nchannels:\n- https://h/c\n")
    read = Environment.from_conda_specification("again", file).python.conda_dependencies
    assert list(read.conda_packages) == packages
    assert read.pip_lines == ("six==1.0",)


@pytest.mark.integration
@pytest.mark.parametrize("ready", [True, False], ids=["reused", "built by the run"])
def test_the_environment_of_a_run_under_way_stays(
    invoke: Invoke, project: Path, ready: bool
) -> None:
    gate = project / "gate"
    (project / "train.py").write_text(
        f"import os, time\nopen({str(project / 'began')!r}, 'w').close()\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    )
    (project / "none.txt").write_text("")
    if ready:
        assert invoke("env", "build", "none.txt").code == 0
    run_id = invoke("submit", "--json", "train.py").json["run_id"]
    runs.wait_for((project / "began").exists, 60)
    far = time.time() + 90 * DAY_S
    (kept,) = pruning.prune(now=far, older_than_s=DAY_S)
    said = invoke("env", "prune", "--older-than", "0")
    gate.touch()
    assert kept.why == "kept: a run uses it"
    assert "kept: a run that has not ended uses it" in said.out
    assert invoke("logs", "--follow", run_id).code == 0

    def is_pruned() -> bool:
        pruning.prune(now=far, older_than_s=DAY_S)
        return inventory.every() == []

    # The runner says that the run has ended a moment before it ends itself.
    runs.wait_for(is_pruned)


def test_find_needs_a_text() -> None:
    made("a" * 32)
    with pytest.raises(UserErrorException, match="has the key or the name ''"):
        inventory.find("")
