"""Builders that meet, die, are stopped, or run out of disk."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runyard.environments import cache
from tests.environments.conftest import Plan
from tests.requirements import small_disk as small_file_system
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

pytestmark = pytest.mark.integration

MIB = 1 << 20


@pytest.fixture
def gated(source: Path) -> Iterator[GatedProject]:
    project = GatedProject.make(source / "gated")
    yield project
    project.open()


def _wait_until_gone(pid: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, f"process {pid} still runs"
            time.sleep(0.01)


def _children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


def test_two_builders_of_one_key(plan: Plan, gated: GatedProject, tmp_path: Path) -> None:
    spec = plan("./gated")
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    second = Worker(spec, tmp_path / "two")
    second.wait_for_log("Waiting for another build of this environment: process")
    assert f"process {first.process.pid} on {os.uname().nodename}, since " in second.log
    gated.open()
    assert not first.result()["reused"]
    assert second.result()["reused"]
    assert "Waited " in second.log
    assert first.result()["lock"] == second.result()["lock"]
    assert "Building gated" not in second.log


def test_the_waiter_builds_when_the_first_builder_fails(
    plan: Plan, gated: GatedProject, tmp_path: Path
) -> None:
    spec = plan("./gated")
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    second = Worker(spec, tmp_path / "two")
    second.wait_for_log("Waiting for")
    gated.fail_with("no compiler here")
    assert not first.result(1)["ok"]
    error = second.result(1)["error"]
    assert (error["type"], error["package"]) == ("build_failed", "gated")
    assert error["message"] == "gated could not be built from source: no compiler here"
    assert not os.path.exists(cache.prefix(spec.key))


def test_a_builder_killed_in_the_middle(plan: Plan, gated: GatedProject, tmp_path: Path) -> None:
    spec = plan("./gated")
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    (uv,) = _children(first.process.pid)
    first.process.kill()
    first.process.wait()
    _wait_until_gone(uv.pid)
    assert os.path.exists(cache.prefix(spec.key))
    assert cache.built(spec.key) is None
    assert not first.has_result
    gated.open()
    second = Worker(spec, tmp_path / "two")
    assert not second.result()["reused"]
    assert "Removing what an unfinished build left" in second.log
    assert "Waiting" not in second.log


def test_a_uv_that_outlived_its_builder_is_ended(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    spec = plan("base")
    prefix = cache.prefix(spec.key)
    os.makedirs(prefix)
    survivor = subprocess.Popen(
        ["uv", "-c", "import time; time.sleep(60)", prefix], executable=sys.executable
    )
    # As init would do for a process whose parent is gone.
    reaper = threading.Thread(target=survivor.wait)
    reaper.start()
    Worker(spec, tmp_path / "run").result()
    reaper.join(10)
    assert survivor.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_builder_ends_uv_and_cleans_up(
    plan: Plan, gated: GatedProject, tmp_path: Path, number: signal.Signals
) -> None:
    spec = plan("./gated")
    worker = Worker(spec, tmp_path / "run")
    backend = gated.wait_until_building()
    (uv,) = _children(worker.process.pid)
    worker.process.send_signal(number)
    error = worker.result(1)["error"]
    assert error["type"] == "cancelled"
    assert error["message"] == f"The build was stopped by {number.name}"
    _wait_until_gone(uv.pid)
    _wait_until_gone(backend)
    assert not os.path.exists(cache.prefix(spec.key))


def test_a_stopped_waiter_leaves_the_builder_alone(
    plan: Plan, gated: GatedProject, tmp_path: Path
) -> None:
    spec = plan("./gated")
    first = Worker(spec, tmp_path / "one")
    gated.wait_until_building()
    second = Worker(spec, tmp_path / "two")
    second.wait_for_log("Waiting for")
    second.process.terminate()
    assert second.result(1)["error"]["type"] == "cancelled"
    gated.open()
    assert first.result()["ok"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    with small_file_system(tmp_path / "disk", "4m") as folder:
        yield folder


def test_a_full_disk_is_named_and_freed_again(
    plan: Plan,
    wheelhouse: Wheelhouse,
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheelhouse.add("big", content=os.urandom(8 * MIB))
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(small_disk))
    spec = plan("big")
    worker = Worker(spec, tmp_path / "run")
    error = worker.result(1)["error"]
    assert error["type"] == "disk_full"
    assert error["message"] == (
        f"There is no space left on the disk, or in the quota, that holds {cache.prefix(spec.key)}"
    )
    assert "RUNYARD_CACHE_DIR" in error["hint"]
    assert not os.path.exists(cache.prefix(spec.key))
    used = sum(path.stat().st_size for path in small_disk.rglob("*") if path.is_file())
    assert used < 64 * 1024
    # The cache of uv is on another file system: no warning about links.
    assert "hardlink" not in worker.log


def test_a_disk_full_from_the_start(
    plan: Plan, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(small_disk))
    spec = plan()
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(8 * MIB))
    assert Worker(spec, tmp_path / "run").result(1)["error"]["type"] == "disk_full"


def test_a_file_size_limit_is_a_full_disk(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Works without root: the limit is on every file the worker's programs write."""
    wheelhouse.add("big", content=os.urandom(8 * MIB))
    spec = plan("big")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MIB, limit[1]))
    try:
        worker = Worker(spec, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert worker.result(1)["error"]["type"] == "disk_full", worker.log


def test_a_cache_that_cannot_be_written(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = plan()
    (tmp_path / "file").touch()
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    error = Worker(spec, tmp_path / "run").result(1)["error"]
    assert error["type"] == "failed"
    assert "cannot be written to" in error["message"]
    assert "RUNYARD_CACHE_DIR" in error["hint"]
