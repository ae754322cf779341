"""What the processes of a distributed run say of themselves."""

from __future__ import annotations

import os
from pathlib import Path

from runyard.record import jsonl, ranks
from runyard.record.layout import RunDirectory
from runyard.testing import runs


def write(run: RunDirectory, rank: int, *lines: dict[str, object]) -> None:
    os.makedirs(ranks.failed_folder(run), exist_ok=True)
    appender = jsonl.Appender(ranks.path_of(run, rank))
    for line in lines:
        appender.append(dict(line))
    appender.close()


def test_the_first_to_fail_is_the_first_in_time(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    write(run, 0, {"t": 1.0, "host": "a", "node": 0, "pid": 7}, {"t": 9.0, "code": 143})
    # It said so before it ended, which took longer than the other's end.
    write(run, 10, {"t": 1.0, "host": "b"}, {"t": 5.0, "failing": 1}, {"t": 9.5, "code": 1})
    write(run, 2, {"t": 1.0, "host": "b"})
    found = ranks.read(run)
    assert [(rank.number, rank.code, rank.host) for rank in found] == [
        (0, 143, "a"),
        (2, None, "b"),
        (10, 1, "b"),
    ]
    first = ranks.first_failed(found)
    assert first is not None
    assert (first.number, first.failed) == (10, 5.0)


def test_a_process_that_is_started_again_begins_anew(tmp_path: Path) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    write(run, 0, {"t": 1.0, "host": "a"}, {"t": 2.0, "code": 1}, {"t": 3.0, "host": "a"})
    [rank] = ranks.read(run)
    assert (rank.code, rank.failed, rank.ended, rank.started) == (None, None, None, 3.0)
    assert ranks.first_failed([rank]) is None


def test_what_else_is_in_the_folder_is_no_rank(tmp_path: Path) -> None:
    """Ranks of MPI have a pipe there for a moment."""
    run = runs.make_run(runs.workspace(tmp_path))
    write(run, 1, {"t": 1.0, "host": "a"})
    os.mkfifo(os.path.join(run.ranks, "10.pipe"))
    assert [rank.number for rank in ranks.read(run)] == [1]


def test_a_run_of_one_process_has_none(tmp_path: Path) -> None:
    assert ranks.read(runs.make_run(runs.workspace(tmp_path))) == []
