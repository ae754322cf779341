"""gc, import and repair killed by SIGKILL at each of their calls of the operating system.

``RUNYARD_HOUSEKEEPING_KILLS`` says how many of these calls are tried (24 in CI); 0 is all.
"""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from runyard import Workspace
from runyard.history import leftovers, verification
from runyard.history.garbage import StoreGarbage
from runyard.history.snapshots import SnapshotStore
from runyard.record.layout import WorkspaceDirectory
from tests.faults import laws
from tests.housekeeping import stores

_TRIED = int(os.environ.get("RUNYARD_HOUSEKEEPING_KILLS", "24"))


def _killed_at(number: int, act: Callable[[], object]) -> bool:
    """Do it in a child that kills itself at that call; False: it came to its end before."""
    child = os.fork()
    if child == 0:
        count = itertools.count(1)

        def look(_: FrameType, event: str, function: Any) -> None:
            outside = event == "c_call" and function.__module__ in {"posix", "fcntl"}
            if outside and next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.setprofile(look)
            act()
            code = 0
        finally:
            sys.setprofile(None)
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _calls(act: Callable[[], object]) -> Iterator[int]:
    """The numbers of the calls to be tried, spread over all it makes."""
    total = 0

    def look(_: FrameType, event: str, function: Any) -> None:
        nonlocal total
        total += event == "c_call" and function.__module__ in {"posix", "fcntl"}

    sys.setprofile(look)
    try:
        act()
    finally:
        sys.setprofile(None)
    yield from range(1, total + 1, max(1, total // _TRIED) if _TRIED else 1)


def _whole(workspace: WorkspaceDirectory) -> None:
    found = verification.examine(workspace, deep=True).findings
    assert not found, found
    laws.hold(workspace)


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return Workspace.create("kills", path=tmp_path / "ws").directory


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    found = []
    for number in range(3):
        folder = tmp_path / f"source{number}"
        folder.mkdir()
        (folder / "own.py").write_text(f"print({number})\n")
        (folder / "common.py").write_text("COMMON = 1\n")
        found.append(folder)
    return found


def test_gc(workspace: WorkspaceDirectory, sources: list[Path], tmp_path: Path) -> None:
    stores.end(stores.recorded(workspace, sources[0]))

    def doomed() -> None:
        for source in sources[1:]:
            stores.remove(stores.recorded(workspace, source))

    def collect() -> None:
        StoreGarbage(workspace, grace_s=-1).remove()

    doomed()
    killed = 0
    for number in _calls(collect):
        doomed()
        killed += _killed_at(number, collect)
        _whole(workspace)
        snapshots = SnapshotStore(Path(workspace.path))
        copy = tmp_path / f"copy{number}"
        snapshots.restore(snapshots.take(sources[1]).id, copy)
        assert (copy / "own.py").read_text() == "print(1)\n"
    assert killed > 10
    collect()
    assert len(stores.snapshots(workspace)) == 1


def test_import(workspace: WorkspaceDirectory, sources: list[Path], tmp_path: Path) -> None:
    runs = [stores.recorded(workspace, source, f"run-{n}") for n, source in enumerate(sources)]
    for run in runs:
        stores.end(run)
    Workspace.at(workspace).export_runs(runs, tmp_path / "a.tar")
    archive = (tmp_path / "a.tar").read_bytes()
    ids = {run.id for run in runs}

    def into(other: Workspace) -> Callable[[], object]:
        return lambda: other.import_runs(io.BytesIO(archive), clash="skip")

    def empty(number: int) -> Workspace:
        return Workspace.create("other", path=tmp_path / f"other{number}")

    killed = 0
    for number in _calls(into(empty(0))):
        other = empty(number)
        killed += _killed_at(number, into(other))
        _whole(other.directory)
        into(other)()
        assert {run.id for run in laws.runs(other.directory)} == ids
        _whole(other.directory)
        _left_goes(other.directory)
    assert killed > 10


def _left_goes(workspace: WorkspaceDirectory) -> None:
    """What it had taken in is gone with the leftovers, when it is old."""
    later = time.time() + 7200
    leftovers.collect(workspace, remove=True, now=later, grace_s=0)
    assert os.listdir(os.path.join(workspace.path, "incoming")) == []


def test_repair(workspace: WorkspaceDirectory, sources: list[Path]) -> None:
    stores.end(stores.recorded(workspace, sources[0]))
    blob = next(path for path in Path(workspace.blobs).glob("??/*") if path.stat().st_size == 9)
    content = blob.read_bytes()

    def repair() -> None:
        verification.repair(workspace, verification.examine(workspace, deep=True))

    def damage() -> None:
        SnapshotStore(Path(workspace.path)).take(sources[0])
        os.chmod(blob, 0o644)
        blob.write_bytes(bytes(9))

    damage()
    killed = 0
    for number in _calls(repair):
        SnapshotStore(Path(workspace.path)).take(sources[0])
        damage()
        killed += _killed_at(number, repair)
        repair()
        SnapshotStore(Path(workspace.path)).take(sources[0])
        assert blob.read_bytes() == content
        _whole(workspace)
    assert killed > 10
