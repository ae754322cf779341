from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.launchers.plan import LaunchPlan, Process
from runyard.record import jsonl, ranks
from runyard.record.layout import RunDirectory
from runyard.runner.gang import Ends, Gang
from runyard.runner.supervision import Outcome
from runyard.testing import runs


@pytest.mark.parametrize("pidfds", [9, 2, 0])
def test_each_end_is_waited_for(pidfds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on Linux before 5.3, as on RHEL 8, and where fewer files may be open."""
    real, left = os.pidfd_open, [pidfds]

    def opened(pid: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no more")
        return real(pid)

    monkeypatch.setattr(os, "pidfd_open", opened)
    started = [subprocess.Popen(["sleep", seconds]) for seconds in ("0.2", "0.6", "0.2", "60")]
    try:
        ends = Ends(started)
        assert not ends.wait(1)
        seen: list[int] = []
        while len(seen) < 3 and ends.wait(5000):
            seen = [number for number, process in enumerate(started) if process.poll() is not None]
        assert seen == [0, 1, 2]
        begun = time.monotonic()
        assert not ends.wait(200)
        assert 0.15 < time.monotonic() - begun < 2
    finally:
        for process in started:
            process.kill()
            process.wait()


HALF_STARTED = """
import os, sys
from runyard.computes.local_channel import LocalChannel
from runyard.record import jsonl
from runyard.record.layout import RunDirectory
from runyard.runner import distributed, subreaper

class Full(LocalChannel):
    left = 2
    def start(self, *arguments, **words):
        if not self.left:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.left -= 1
        return super().start(*arguments, **words)

run = RunDirectory(sys.argv[1])
os.mkdir(run.work)
subreaper.become()
record = jsonl.read_json(run.run_json)
prefix = {"python": sys.executable, "prefix": sys.prefix, "submitter_python": sys.executable}
distributed.start(run, record, prefix, Full(record["spec"], run))
"""


def test_what_was_started_is_ended_when_the_rest_cannot_be(tmp_path: Path) -> None:
    distribution = {"process_count": 3, "backend": "gloo"}
    given: dict[str, Any] = {"launcher": "pytorch", "processes_per_node": 3}
    directory = runs.workspace(tmp_path)
    run = runs.make_run(directory, command=["sleep", "60"], distribution=distribution, **given)
    argv = [sys.executable, "-c", HALF_STARTED, run.path]
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True)
    assert done.stderr.splitlines()[-1] == (
        "BlockingIOError: [Errno 11] Resource temporarily unavailable"
    )
    assert not processes.of_run(run.path)


class Watched:
    """A gang of 1000 ranks that one process has started; which files of ranks it reads."""

    def __init__(
        self, run: RunDirectory, monkeypatch: pytest.MonkeyPatch, serving: int = 0
    ) -> None:
        os.makedirs(ranks.failed_folder(run))
        self.run = run
        self.read: list[str] = []
        self.starter = subprocess.Popen(["sleep", "60"])
        members = [
            Process(0, ["x"], {}, "", rank=n, serves=n >= 1000 - serving) for n in range(1000)
        ]
        self.gang = Gang([self.starter], LaunchPlan(members), run, each=False, log="")
        monkeypatch.setattr(jsonl, "read", self._read)

    def _read(self, path: str) -> Any:
        self.read.append(os.path.basename(path))
        return list(map(json.loads, Path(path).read_text().splitlines()))

    def end(self, code: int, *numbers: int) -> None:
        for number in numbers:
            with open(ranks.path_of(self.run, number), "a") as stream:
                print(json.dumps({"t": 2.0, "code": code}), file=stream)
            if code:
                Path(ranks.failed_folder(self.run), str(number)).touch()


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = runs.make_run(runs.workspace(tmp_path))
    os.mkdir(run.ranks)
    for number in range(1000):
        Path(ranks.path_of(run, number)).write_text('{"t": 1.0, "host": "a"}\n')
    return run


def test_a_look_at_thousands_reads_no_file_of_those_that_run(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(run, monkeypatch)
    try:
        watched.gang.look()
        assert watched.read == []
        watched.end(3, 500)
        watched.gang.look()
        assert watched.read == ["500.jsonl"]
        assert watched.gang.wait(1)
    finally:
        watched.starter.kill()
        watched.starter.wait()


def test_workers_that_run_are_asked_for_one_at_a_time(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(run, monkeypatch, serving=1)
    try:
        watched.gang.look()
        assert len(watched.read) == 1
        watched.end(0, *range(1, 999))
        watched.gang.look()
        assert not watched.gang.wait(1)
        watched.end(0, 0)
        watched.gang.look()
        assert watched.gang.wait(1)
        assert len(watched.read) == 1000 + 1
    finally:
        watched.starter.kill()
        watched.starter.wait()


def test_logs_of_ranks_that_ended_well_are_not_read_again(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(run, monkeypatch)
    watched.starter.kill()
    watched.starter.wait()
    watched.end(0, *range(999))
    seen: list[str] = []

    def noted(path: str) -> str:
        seen.append(path)
        return ""

    monkeypatch.setattr("runyard.runner.logtail.read", noted)
    watched.gang.judge(Outcome())
    assert seen[0] == run.rank_log(999)
    assert run.rank_log(0) not in seen
