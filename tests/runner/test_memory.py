from __future__ import annotations

import os

import pytest

from runyard.runner import memory


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A file system of these files alone."""
    found: dict[str, list[str]] = {}
    monkeypatch.setattr(memory, "_lines", lambda path: found.get(path, []))
    return found


def test_the_cgroup_of_the_process_counts_and_not_the_machine(files: dict[str, list[str]]) -> None:
    events = "/sys/fs/cgroup/user/memory.events"
    files["/proc/7/cgroup"] = ["0::/user"]
    files["/sys/fs/cgroup/cgroup.controllers"] = ["memory"]
    files[events] = ["oom 5", "oom_kill 3"]
    files["/proc/vmstat"] = ["oom_kill 3"]
    watch = memory.OomWatch(7)
    files["/proc/vmstat"] = ["oom_kill 9"]
    assert not watch.struck()
    files[events] = ["oom 6", "oom_kill 4"]
    assert watch.struck()


def test_without_a_cgroup_only_the_last_seconds_of_the_machine_count(
    files: dict[str, list[str]],
) -> None:
    now = [0.0]
    files["/proc/7/cgroup"] = ["0::/"]
    files["/proc/vmstat"] = ["oom_kill 1"]
    watch = memory.OomWatch(7, clock=lambda: now[0])
    files["/proc/vmstat"] = ["oom_kill 2"]
    assert watch.struck()
    for seconds in (11.0, 22.0):
        now[0] = seconds
        watch.look()
    assert not watch.struck()


def test_this_machine_has_a_count() -> None:
    assert not memory.OomWatch(os.getpid()).struck()
