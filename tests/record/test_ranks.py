"""What the processes of a distributed run say of themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def test_one_that_is_killed_comes_before_those_that_lost_it(tmp_path: Path) -> None:
    """Its sockets are closed before its end is recorded."""
    run = runs.make_run(runs.workspace(tmp_path))
    begun: dict[str, object] = {"t": 1.0, "host": "a"}
    write(run, 0, begun, {"t": 5.0, "failing": 1, "lost": True}, {"t": 5.2, "code": 1})
    write(run, 1, begun, {"t": 5.1, "code": 143})
    write(run, 2, begun, {"t": 5.4, "code": 137})
    first = ranks.first_failed(ranks.read(run))
    assert first is not None
    assert first.number == 2


@pytest.mark.parametrize(
    ("said", "ended", "code"),
    [
        ({"lost": True}, 7.5, 137),  # long after
        ({"lost": True}, 5.1, 143),  # told to end
        ({}, 5.1, 137),  # it had an error of its own
    ],
)
def test_one_that_failed_because_of_the_first_is_not_it(
    tmp_path: Path, said: dict[str, object], ended: float, code: int
) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    begun: dict[str, object] = {"t": 1.0, "host": "a"}
    write(run, 0, begun, {"t": 5.0, "failing": 1, **said}, {"t": 5.2, "code": 1})
    write(run, 1, begun, {"t": ended, "code": code})
    first = ranks.first_failed(ranks.read(run))
    assert first is not None
    assert first.number == 0


@pytest.mark.parametrize(
    ("ended", "first"),
    [
        (5.3, 1),  # killed for its memory, which takes a while to be free
        (6.0, 0),  # it did not hear the starter, which killed it a second later
    ],
)
def test_one_that_was_told_to_end_is_not_the_first(
    tmp_path: Path, ended: float, first: int
) -> None:
    run = runs.make_run(runs.workspace(tmp_path))
    begun: dict[str, object] = {"t": 1.0, "host": "a"}
    write(run, 0, begun, {"t": 5.0, "code": 143})
    write(run, 1, begun, {"t": ended, "code": 137})
    found = ranks.first_failed(ranks.read(run))
    assert found is not None
    assert found.number == first


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
