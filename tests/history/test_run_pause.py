"""Pauses of who follows logs: ended by what is written, and by the end of the run."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runyard.history import folder_changes, run_pause
from runyard.history.folder_changes import FolderChanges, is_local
from runyard.history.log_stream import LogStream
from runyard.history.run_pause import LONGEST_S, RunPause
from runyard.record import jsonl, owner
from runyard.record.layout import RunDirectory
from tests.descriptors import descriptors

LONG_S = 20.0
SHORT_S = 0.05


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    (tmp_path / "user_logs").mkdir()
    return RunDirectory(str(tmp_path))


@pytest.fixture
def logs(run: RunDirectory) -> Path:
    return Path(run.std_log).parent


@pytest.fixture
def runner(run: RunDirectory) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has signed the run's lock."""
    with subprocess.Popen(["sleep", "60"]) as found:
        sign(run, found.pid)
        yield found
        found.kill()


def sign(run: RunDirectory, pid: int, **other: object) -> None:
    ownership = owner.take(run.lock)
    assert ownership is not None
    owner.sign(ownership, {**owner.identity(pid), **other})
    ownership.release()


@pytest.fixture
def pause(run: RunDirectory, logs: Path) -> Iterator[RunPause]:
    with RunPause(run, str(logs)) as found:
        for _ in range(3):  # until both folders are watched
            found(0)
        yield found


def seconds(pause: RunPause, given_s: float) -> float:
    begun = time.monotonic()
    pause(given_s)
    return time.monotonic() - begun


def told_of(pause: RunPause, change: Callable[[], object]) -> bool:
    """Whether a change ends a pause that has begun."""
    later = threading.Timer(SHORT_S, change)
    later.start()
    took = seconds(pause, LONG_S)
    later.join()
    return took < LONG_S / 2


def append(path: Path, text: str = "line\n") -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_a_line_ends_it_also_of_a_log_that_is_new_or_replaced(pause: RunPause, logs: Path) -> None:
    log, other = logs / "std_log.txt", logs.parent / "other"
    assert told_of(pause, lambda: append(log))
    pause(0)  # it was made, and written to
    assert seconds(pause, SHORT_S) >= SHORT_S
    assert told_of(pause, lambda: append(log))
    append(other)
    assert told_of(pause, lambda: other.rename(log))
    assert told_of(pause, lambda: append(logs / "std_log_process_63.txt"))
    assert told_of(pause, lambda: os.truncate(log, 0))


def test_a_folder_that_is_made_later_is_looked_at_once_more(run: RunDirectory) -> None:
    folder = Path(run.path, "logs")
    with RunPause(run, str(folder)) as pause:
        pause(0)
        assert seconds(pause, SHORT_S) >= SHORT_S
        folder.mkdir()
        assert seconds(pause, LONG_S) < LONG_S / 2  # what is in it by now, nobody told
        assert told_of(pause, lambda: append(folder / "train.log"))
        folder.rename(folder.with_name("old"))
        folder.mkdir()
        assert seconds(pause, LONG_S) < LONG_S / 2


def test_of_the_run_it_is_told_when_its_end_is_written(run: RunDirectory, pause: RunPause) -> None:
    events = Path(run.events)
    with events.open("a") as stream:
        stream.write('{"status":"Completed"}\n')
        stream.flush()
        assert seconds(pause, SHORT_S) >= SHORT_S  # not on the disk yet
    assert seconds(pause, LONG_S) < LONG_S / 2


def test_the_end_of_the_runner_ends_it(runner: subprocess.Popen[bytes], pause: RunPause) -> None:
    assert told_of(pause, runner.kill)
    # Once only: whoever goes on waiting must not look without a pause.
    assert seconds(pause, SHORT_S) >= SHORT_S


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"boot": "before"}, {"start": 1}])
def test_a_runner_that_is_not_here_ends_nothing(
    run: RunDirectory, pause: RunPause, other: dict[str, object]
) -> None:
    with subprocess.Popen(["sleep", "0"]) as another:
        sign(run, another.pid, **other)
        pause(0)  # its signature was told
        assert seconds(pause, SHORT_S) >= SHORT_S


def test_who_has_the_run_himself_ends_nothing(run: RunDirectory, pause: RunPause) -> None:
    sign(run, os.getpid())
    pause(0)
    assert seconds(pause, SHORT_S) >= SHORT_S


def test_a_kernel_that_cannot_watch_processes(
    runner: subprocess.Popen[bytes], pause: RunPause, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert runner.poll() is None
    assert seconds(pause, SHORT_S) >= SHORT_S


def test_who_waits_for_the_end_alone_is_told_by_the_runner(
    run: RunDirectory, runner: subprocess.Popen[bytes]
) -> None:
    with RunPause(run) as pause:
        append(Path(run.events))
        assert told_of(pause, runner.kill)


def test_and_where_it_is_elsewhere_by_the_run_itself(run: RunDirectory) -> None:
    with RunPause(run) as pause:
        append(Path(run.events))
        assert seconds(pause, LONG_S) < LONG_S / 2  # newly watched: what was before is not told
        assert told_of(pause, lambda: append(Path(run.events)))


def test_a_runner_that_has_not_signed_yet_is_known_by_the_handle(
    run: RunDirectory, runner: subprocess.Popen[bytes]
) -> None:
    jsonl.write_once(run.join("handle.json"), owner.identity(runner.pid), sync=False)
    sign(run, os.getpid())
    with RunPause(run) as pause:
        assert told_of(pause, runner.kill)


@pytest.mark.usefixtures("runner")
def test_who_is_told_of_everything_looks_seldom(
    pause: RunPause, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_changes, "is_local", lambda folder: True)
    monkeypatch.setattr(run_pause, "SELDOM_S", 0.5)
    assert seconds(pause, SHORT_S) < LONG_S
    assert seconds(pause, LONGEST_S) >= 0.5


@pytest.mark.parametrize("what", ["network", "no runner", "no folder"])
def test_who_is_not_looks_as_often_as_without(
    run: RunDirectory,
    pause: RunPause,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(folder_changes, "is_local", lambda folder: what != "network")
    monkeypatch.setattr(run_pause, "SELDOM_S", LONG_S)
    if what != "no runner":
        request.getfixturevalue("runner")
        pause(0)  # its signature was told
    if what == "no folder":
        pause._folders[run.join("nowhere")] = folder_changes.WRITTEN
    assert LONGEST_S <= seconds(pause, LONGEST_S) < LONG_S / 2


def test_without_a_way_to_be_told_it_is_a_pause(
    run: RunDirectory, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    with RunPause(run, str(logs)) as pause:
        append(logs / "std_log.txt")
        assert seconds(pause, SHORT_S) >= SHORT_S


def test_more_watchers_than_a_user_may_have(run: RunDirectory, logs: Path) -> None:
    """The kernel refuses them with the same error as one file too many."""
    import ctypes  # noqa: F401  # needs a file itself, the first time

    folder_changes._kept.clear()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        changes = FolderChanges()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert changes.fd == -1
    assert not changes.watch(str(logs))
    assert not changes.tells_all()
    changes.close()


def test_nothing_stays_open(run: RunDirectory, logs: Path, runner: subprocess.Popen[bytes]) -> None:
    with RunPause(run, str(logs)) as pause:  # one that tells stays, for the next
        pause(0)
    gc.collect()  # what others have left open is not closed meanwhile
    before = descriptors()
    with RunPause(run, str(logs)) as pause:
        for _ in range(3):
            pause(0)
        assert len(descriptors() - before) == 1
    assert descriptors() <= before
    append(logs / "std_log.txt")
    with RunPause(run, str(logs.parent)) as pause:
        pause(0)
        append(logs / "std_log.txt")  # watched before, and not by this one
        assert seconds(pause, SHORT_S) >= SHORT_S


def test_local_file_systems_are_known() -> None:
    assert is_local("/dev/shm")
    assert not is_local("/proc/self")
    assert not is_local("/nowhere")


def test_many_changes_are_one(pause: RunPause, logs: Path) -> None:
    with open(logs / "std_log.txt", "wb", 0) as one, open(logs / "other", "wb", 0) as other:
        for _ in range(1500):  # equal ones in a row would be one; 96 kB, more than is read at once
            one.write(b"x")
            other.write(b"x")
    assert seconds(pause, LONG_S) < LONG_S / 2
    assert seconds(pause, SHORT_S) >= SHORT_S


def test_a_follower_that_looks_all_the_time_is_slowed_down(pause: RunPause, logs: Path) -> None:
    looks, end = 0, time.monotonic() + 0.3
    while time.monotonic() < end:
        append(logs / "std_log.txt", "x")
        pause(LONG_S)
        looks += 1
    assert looks <= 0.3 / run_pause.TOGETHER_S + 1


def test_a_log_that_is_replaced_is_read_from_its_beginning(logs: Path) -> None:
    log, new = logs / "std_log.txt", logs / "new"
    append(log, "1\n2\n3\n")
    stream = LogStream(str(log), last_lines=1)
    assert b"".join(stream.chunks()) == b"3\n"
    append(log, "4\n")
    append(new, "5\n6\n")
    new.rename(log)
    assert b"".join(stream.chunks()) == b"4\n5\n6\n"
    assert b"".join(stream.chunks()) == b""
    stream.close()
