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
from runyard.record import ranks
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason
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
    started = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(4)]
    try:
        ends = Ends(started)
        assert not ends.wait(1)
        for number in (0, 2, 1):  # of two at once, the first wait may tell of one alone
            at_its_end(started[number])
            assert ends.wait(30_000)
            assert started[number].wait() == 0
        begun = time.monotonic()
        assert not ends.wait(200)
        assert 0.15 < time.monotonic() - begun < 30
    finally:
        for process in started:
            at_its_end(process)
            process.wait()


def at_its_end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


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


def gang_of_records(run: RunDirectory, count: int, *, serving: int = 0) -> Gang:
    """Of processes that one command has started, wherever they are."""
    os.makedirs(ranks.failed_folder(run))
    plan = LaunchPlan(
        [Process(0, ["x"], {}, "", rank=n, serves=n >= count - serving) for n in range(count)]
    )
    starter = subprocess.Popen(["sleep", "60"])
    return Gang([starter], plan, run, each=False, log=run.std_log)


def record(run: RunDirectory, rank: int, **line: object) -> None:
    with open(ranks.path_of(run, rank), "a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def end(gang: Gang) -> None:
    for process in gang._started:
        process.kill()
        process.wait()


def test_a_clock_that_is_ahead_hides_no_failure(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 2)
    ahead = time.time() + 100
    record(run, 0, t=time.time(), host="a", node=0, pid=1)
    record(run, 1, t=ahead - 1, host="b", node=1, pid=1)
    record(run, 1, t=ahead, code=3)
    Path(ranks.failed_folder(run), "1").touch()
    gang.note_end()
    record(run, 0, t=time.time(), code=143)
    Path(ranks.failed_folder(run), "0").touch()
    end(gang)
    outcome = Outcome()
    gang.judge(outcome)
    assert (outcome.rank, outcome.code, outcome.exit_codes) == (1, 3, [143, 3])


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, None), -9)])
def test_a_starter_that_is_killed_behind_the_ends_of_all_changes_none(
    tmp_path: Path, codes: tuple[int | None, ...], code: int
) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 2)
    for rank, one in enumerate(codes):
        record(run, rank, t=time.time(), host="a", node=0, pid=1)
        if one is not None:
            record(run, rank, t=time.time(), code=one)
    end(gang)
    outcome = Outcome()
    gang.judge(outcome)
    assert (outcome.code, outcome.exit_codes) == (code, list(codes))
    assert outcome.reason is (Reason.NODE_LOST if code else None)


@pytest.mark.parametrize(("where", "first"), [("Socket closed", 1), ("MPI_Send", 0)])
def test_one_that_open_mpi_ends_for_want_of_another_is_not_the_first(
    tmp_path: Path, where: str, first: int
) -> None:
    """The end of the other is recorded later, since its shell got no processor before."""
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 2)
    os.makedirs(os.path.dirname(run.std_log), exist_ok=True)
    Path(run.std_log).write_text(
        f"[node-0:00000] *** An error occurred in {where}\n"
        "[node-0:00000] *** reported by process [505413633,0]\n"
        "[node-0:00000] *** on a NULL communicator\n"
    )
    now = time.time()
    for rank, code in enumerate((14, 4)):
        record(run, rank, t=now - 9, host="a")
        record(run, rank, t=now + rank / 1000, code=code)
        Path(ranks.failed_folder(run), str(rank)).touch()
    gang.note_end()
    end(gang)
    outcome = Outcome()
    gang.judge(outcome)
    assert (outcome.rank, outcome.exit_codes) == (first, [14, 4])


def test_a_rank_whose_shell_is_killed_ends_as_it_was_about_to(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 2)
    record(run, 0, t=time.time(), host="a", node=0, pid=1)
    record(run, 0, t=time.time(), failing=3)
    end(gang)
    outcome = Outcome()
    gang.judge(outcome)
    assert (outcome.rank, outcome.code, outcome.exit_codes) == (0, 3, [None, None])


def test_one_record_is_read_at_a_time_while_workers_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 100, serving=1)
    read: list[int] = []
    real = ranks.of

    def of(run: RunDirectory, number: int) -> ranks.Rank:
        read.append(number)
        return real(run, number)

    monkeypatch.setattr(ranks, "of", of)
    for _ in range(3):
        gang.look()
        assert not gang.wait(0)
    assert read == [98] * 3
    for rank in range(99):
        record(run, rank, t=time.time(), code=0)
    gang.look()
    assert gang.wait(0)
    end(gang)


def test_logs_of_ranks_that_ended_well_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    gang = gang_of_records(run, 3)
    for rank in range(2):
        record(run, rank, t=time.time(), host="a")
        record(run, rank, t=time.time(), code=0)
    record(run, 2, t=time.time(), host="a")
    end(gang)
    seen: list[str] = []

    def noted(path: str) -> str:
        seen.append(path)
        return ""

    monkeypatch.setattr("runyard.runner.logtail.read", noted)
    gang.judge(Outcome())
    assert seen[0] == run.rank_log(2)
    assert run.rank_log(0) not in seen
