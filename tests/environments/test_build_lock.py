"""The build lock: who holds it, and what becomes of it when its holder is gone."""

import asyncio
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.environments import build_lock, build_owner, cache
from runyard.environments.build_lock import BuildLock, owner_path
from runyard.record import owner
from tests.environments.conftest import Plan
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

ELSEWHERE = {"host": "far-away", "boot": "another", "pid": 77, "start": 5, "started": 1e9}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "environments" / "key.lock")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that is silent for half a second is gone."""
    monkeypatch.setattr(build_owner, "SILENCE_S", 0.5)
    monkeypatch.setattr(build_lock, "_REPORT_EVERY_S", 0.1)


def _signed_by(path: str, who: dict[str, Any]) -> Path:
    file = Path(owner_path(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(who))
    return file


def _without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


def test_it_carries_host_pid_start_time_and_boot_id(path: str) -> None:
    said: list[str] = []
    with BuildLock(path, said.append) as lock:
        who = json.loads(Path(owner_path(path)).read_text())
        assert who == {**owner.identity(), "started": who["started"]}
        assert set(who) == {"host", "boot", "pid", "start", "started"}
        assert who["pid"] == os.getpid()
        assert abs(who["started"] - time.time()) < 10
        assert lock.is_held()
    assert os.listdir(os.path.dirname(path)) == ["key.lock"]
    assert said == []


@pytest.mark.parametrize("flock", [True, False])
def test_a_builder_of_this_machine_that_is_gone(
    path: str, monkeypatch: pytest.MonkeyPatch, flock: bool
) -> None:
    """Its process id may be another process by now: the start time tells."""
    if not flock:
        _without_flock(monkeypatch)
    _signed_by(path, {**owner.identity(), "start": 1, "started": 1e9})
    said: list[str] = []
    with BuildLock(path, said.append) as lock:
        assert lock.is_held()
    (line,) = said
    assert line.startswith(f"The build of process {os.getpid()} on {os.uname().nodename}, since ")
    assert line.endswith(" was broken off: taking it over")


def test_a_machine_that_was_restarted(path: str) -> None:
    _signed_by(path, {**owner.identity(), "boot": "before", "started": 1e9})
    with BuildLock(path, lambda _: None) as lock:
        assert lock.is_held()


def test_a_builder_of_another_machine_that_is_silent(path: str, quick: None) -> None:
    _signed_by(path, ELSEWHERE)
    said: list[str] = []
    started = time.monotonic()
    with BuildLock(path, said.append) as lock:
        assert time.monotonic() - started >= 0.5
        assert lock.is_held()
    assert said[0].startswith(
        "Waiting for another build of this environment: process 77 on far-away, since "
    )
    assert "The build of process 77 on far-away, since " in said[-2]
    assert said[-1].startswith("Waited ")
    assert sorted(os.listdir(os.path.dirname(path))) == ["key.lock"]


def test_a_builder_of_another_machine_that_lives_is_waited_for(
    path: str, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _signed_by(path, ELSEWHERE)
    end = time.monotonic() + 1.5

    def live(pause_s: float) -> None:
        """Between any two looks there is a sign of life, until it has built."""
        if time.monotonic() < end:
            os.utime(file)
        else:
            file.unlink(missing_ok=True)
        time.sleep(pause_s)  # as asked for

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=live)
    monkeypatch.setattr(build_lock, "time", clock)
    said: list[str] = []
    with BuildLock(path, said.append):
        assert time.monotonic() >= end
    assert not any("broken off" in line for line in said)


def test_who_finds_it_built_signs_nothing(path: str) -> None:
    """And waits for nobody: a builder elsewhere may not have removed its name yet."""
    _signed_by(path, ELSEWHERE)
    said: list[str] = []
    with BuildLock(path, said.append, lambda: True) as lock:
        assert not lock.is_held()
    assert json.loads(Path(owner_path(path)).read_text()) == ELSEWHERE
    assert said == []


def test_long_silence_is_said(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_owner, "SIGN_OF_LIFE_EVERY_S", 0.0)
    file = build_owner.OwnerFile(str(_signed_by(path, ELSEWHERE)))
    assert file.described().endswith("(silent for 0 s; taken over after 60 s)")
    _signed_by(path, {})
    assert file.described() == "its process is just starting"


def test_only_one_takes_over(path: str) -> None:
    """The second saw the same dead owner, and moves what the first has made."""
    file = str(_signed_by(path, {**owner.identity(), "start": 1, "started": 1e9}))
    first, second = build_owner.OwnerFile(file), build_owner.OwnerFile(file)
    assert first.owner_is_gone(alone_here=False)
    assert second.owner_is_gone(alone_here=False)
    assert first.take_over()
    assert not second.take_over()
    assert first.is_mine()
    first.remove()
    assert os.listdir(os.path.dirname(file)) == []


def test_without_flock_a_living_builder_is_waited_for(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_flock(monkeypatch)
    code = "import sys; sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    _signed_by(path, {**owner.identity(other.pid), "started": time.time()})
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            other.communicate()

    with BuildLock(path, hear) as lock:
        assert lock.is_held()
    assert f"process {other.pid} on " in said[0]
    assert "was broken off: taking it over" in said[1]


def test_another_error_of_flock_is_raised(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="Input/output"), BuildLock(path, lambda _: None):
        pass


def test_the_index_of_channels_is_read_without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    from runyard.environments import conda_client

    _without_flock(monkeypatch)

    async def entered() -> bool:
        async with conda_client.index_lock():
            return True

    assert asyncio.run(entered())


def test_signs_of_life(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One timer for builds within builds; nothing of it is left."""
    monkeypatch.setattr(build_owner, "SIGN_OF_LIFE_EVERY_S", 0.02)
    inner = f"{path}2"
    with BuildLock(path, lambda _: None), BuildLock(inner, lambda _: None):
        for file in (Path(owner_path(path)), Path(owner_path(inner))):
            os.utime(file, (0, 0))
            end = time.monotonic() + 10
            while file.stat().st_mtime == 0 and time.monotonic() < end:
                time.sleep(0.01)
            assert time.time() - file.stat().st_mtime < 10
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_timer_of_the_programs_own_is_left_alone(path: str) -> None:
    def own(*_: object) -> None: ...

    signal.signal(signal.SIGALRM, own)
    try:
        with BuildLock(path, lambda _: None):
            assert signal.getsignal(signal.SIGALRM) is own
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_pruning_sees_builders_elsewhere(path: str) -> None:
    file = str(_signed_by(path, ELSEWHERE))
    assert build_owner.is_elsewhere(file)
    os.utime(file, (1e9, 1e9))
    assert not build_owner.is_elsewhere(file)
    _signed_by(path, {**owner.identity(), "started": 1.0})
    assert not build_owner.is_elsewhere(file)
    assert not build_owner.is_elsewhere(f"{file}.none")


@pytest.mark.integration
def test_a_killed_builder_is_replaced_at_once(
    plan: Plan, source: Path, tmp_path: Path, wheelhouse: Wheelhouse
) -> None:
    gated = GatedProject.make(source / "gated")
    spec = plan("./gated")
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    second = Worker(spec, tmp_path / "two")
    who = f"process {first.process.pid} on {os.uname().nodename}, since "
    second.wait_for_log(f"Waiting for another build of this environment: {who}")
    first.process.kill()
    first.process.wait()
    gated.open()
    assert not second.result()["reused"]
    assert f"The build of {who}" in second.log
    assert "Removing what an unfinished build left" in second.log
    assert not os.path.exists(owner_path(cache.build_lock(spec.key)))


@pytest.mark.integration
def test_a_build_that_was_taken_over_does_not_count(
    plan: Plan, source: Path, tmp_path: Path
) -> None:
    """As after a sleep of the machine: the other one's build stays untouched."""
    gated = GatedProject.make(source / "gated")
    spec = plan("./gated")
    worker = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    file = Path(owner_path(cache.build_lock(spec.key)))
    file.write_text(json.dumps(ELSEWHERE))
    gated.open()
    error = worker.result(1)["error"]
    assert error["type"] == "killed"
    assert error["message"].endswith("so another took the build over")
    assert cache.built(spec.key) is None
    assert os.path.isdir(cache.prefix(spec.key))
    assert json.loads(file.read_text()) == ELSEWHERE


def test_a_lock_held_by_somebody_who_has_not_signed(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    said: list[str] = []
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = threading.Timer(0.3, lambda: fcntl.flock(file, fcntl.LOCK_UN))
        held.start()
        with BuildLock(path, said.append):
            held.join()
    assert said[0].endswith("build of this environment: its process is just starting")
