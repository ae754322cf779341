"""Law: a reader reports a damaged line without stopping, and loses none of the others."""

from __future__ import annotations

import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runyard.history.entry import read_entry
from runyard.history.run import Run
from runyard.job import interactive
from runyard.record import jsonl, owner, ranks, script
from runyard.record.creation import create_run
from runyard.record.events import EventLog, read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.metrics import LIST, ROW, TABLE, MetricWriter, read_metrics, read_series
from runyard.record.notes import NoteWriter, read_notes
from runyard.record.states import Reason, Status
from runyard.runner.requests import Requests
from runyard.widgets.run_view import RunView
from tests.json_damage import anything, lines

STATUSES = [*(status.value for status in Status), *(reason.value for reason in Reason)]
EVENTS = lines(("t", "status", "reason", "detail"), STATUSES)
KINDS = ["list", "row", "table", "image", "residuals", "nan", "inf"]
METRICS = lines(("t", "n", "v", "k", "x", "s", "d"), KINDS)
NOTES = lines(
    ("t", "kind", "key", "value"),
    ["tag", "untag", "property", "display_name", "description", "child", "error"],
)
RANKS = lines(("t", "host", "node", "pid", "code", "failing", "lost"))
SIGNATURES = lines(("host", "boot", "pid", "start", "run", "ticket"))


@contextmanager
def new_run(**record: Any) -> Iterator[RunDirectory]:
    with tempfile.TemporaryDirectory() as folder:
        yield create_run(WorkspaceDirectory(folder), "exp", {"type": "x", **record})


def damage(folder: str, name: str, found: Sequence[bytes]) -> None:
    Path(folder).mkdir(exist_ok=True)
    Path(folder, name).write_bytes(b"".join(line + b"\n" for line in found))


def is_known(run: RunDirectory) -> None:
    """A list has it, and its details can be shown, whatever they are."""
    entry = read_entry(run, 0)
    assert entry is not None
    details = Run(run).get_details()
    json.dumps(details)


@given(st.lists(EVENTS, max_size=4), st.lists(EVENTS, max_size=4))
@example([b'{"t": 1, "status": "Running", "detail": [1]}'], [])
@example([b'{"t": 1' + b"0" * 400 + b', "status": "Running"}'], [])
def test_events(before: list[bytes], after: list[bytes]) -> None:
    with new_run() as run:
        damage(run.path, "events.jsonl", before)
        ended = read_state(run).status.ended
        EventLog(run, now=lambda: 7.0).end(Reason.COMPLETED)
        with open(run.events, "ab") as stream:
            stream.writelines(line + b"\n" for line in after)
        state = read_state(run, [])
        assert state.status.ended
        if not ended:
            assert (state.reason, state.ended) == (Reason.COMPLETED, 7.0)
        is_known(run)


@given(st.lists(METRICS, max_size=4), st.lists(METRICS, max_size=4))
@example([b'{"t": 1, "n": "a", "v": {"$float": []}, "k": "row"}'], [])
@example([b'{"t": 1, "n": "a", "v": {"$float": "nan"}, "k": "row"}'], [])
@example([b'{"t": 1, "n": "a", "v": null, "x": []}'], [])
@example([b'{"t": 1, "n": "a", "k": "list", "v": ' + b"[" * 600 + b"]" * 600 + b"}"], [])
@example([b'{"t": 1, "n": "a", "v": 1, "s": 1' + b"0" * 400 + b"}"], [])
@example([b'{"t": 1, "n": "a", "v": "../../../../../etc/hostname", "k": "image"}'], [])
@example([b'{"t": 1' + b"0" * 400 + b', "n": "a", "v": 1}'], [])
@example([b'{"t": NaN, "n": "a", "v": 1}'], [b'{"t": 1, "n": "a", "v": 2}'])
def test_metrics(before: list[bytes], after: list[bytes]) -> None:
    with new_run() as run:
        damage(run.metrics, "0.jsonl", before)
        good = MetricWriter(run)
        for number in range(3):
            good.scalar("written as it should be", number)
        damage(run.metrics, "z.jsonl", after)
        problems: list[str] = []
        assert read_metrics(run, problems=problems)["written as it should be"] == [0, 1, 2]
        assert [value for *_, value in read_series(run)["written as it should be"]] == [0, 1, 2]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            json.dumps(Run(run).get_metrics())
        view = RunView(Run(run))
        json.dumps((view.metrics(), view.images()))


@given(st.lists(NOTES, max_size=4), st.lists(NOTES, max_size=4))
@example([b'{"t": NaN, "kind": "tag", "key": ["a"], "value": 1}'], [])
@example([b'{"t": 1, "kind": "child", "value": {}}'], [])
@example([b'{"t": 1, "kind": "error", "value": 1}'], [])
def test_notes(before: list[bytes], after: list[bytes]) -> None:
    with new_run() as run:
        damage(run.notes, "0.jsonl", before)
        NoteWriter(run).tag("written as it should be", "yes")
        damage(run.notes, "z.jsonl", after)
        assert read_notes(run, {}, []).tags["written as it should be"] == "yes"
        is_known(run)
        EventLog(run).end(Reason.SCRIPT_EXCEPTION)
        is_known(run)
        assert [child.id for child in Run(run).get_children()] == []


@given(st.lists(RANKS, max_size=4), st.lists(RANKS, max_size=4))
def test_ranks(before: list[bytes], after: list[bytes]) -> None:
    good = [b'{"t":1,"host":"h","node":0,"pid":5}', b'{"t":2,"code":3}']
    with new_run() as run:
        damage(run.ranks, "0.jsonl", [*before, *good])
        damage(run.ranks, "1.jsonl", after)
        found = ranks.read(run)
        assert [rank.number for rank in found] == [0, 1]
        assert (found[0].host, found[0].pid, found[0].ended) == ("h", 5, 2.0)
        ranks.first_failed(found)


@given(st.lists(lines(("t", "request", "error")), max_size=4))
@example([b'{"t": 1' + b"0" * 400 + b', "request": "fail", "error": 1}'])
@example([b""])
def test_requests(found: list[bytes]) -> None:
    """The name of a request says what is asked, whatever is in it."""
    with new_run() as run:
        for number, line in enumerate(found):
            damage(run.requests, f"cancel-{number}.json", [line])
        asked = Requests(run).poll()
        assert (asked or {}).get("request") == ("cancel" if found else None)
        assert [what for what, _ in interactive._requested(run)] == ["cancel"] * len(found)


def test_who_was_gone_before_anybody_looked_is_not_alive() -> None:
    assert owner.identity(2**22 + 1)["start"] is None
    assert owner.is_alive(owner.identity(2**22 + 1)) is False
    assert owner.is_alive(owner.identity()) is True


SCRIPTS = lines(
    (
        *("t", "host", "boot", "pid", "start", "up", "script", "started", "code", "error"),
        *("processes", "each", "log", "gang", "container"),
    )
)


@given(st.lists(SCRIPTS, max_size=3), st.lists(SCRIPTS, max_size=3))
@example([b'{"boot": "b", "processes": 1, "gang": 1, "up": 1' + b"0" * 400 + b"}"], [])
@example([b'{"boot": "b", "processes": [[1], "ab"], "gang": {}}'], [])
def test_what_a_runner_has_started(before: list[bytes], after: list[bytes]) -> None:
    good = [b'{"boot":"b","host":"h","up":1.5}', b'{"script":2,"started":3}', b'{"code":4}']
    with new_run() as run:
        damage(run.launch, "script.jsonl", [*before, *good])
        found = script.read(run)
        assert (found.witness["host"], found.pid, found.started, found.code) == ("h", 2, 3, 4)
        damage(run.launch, "script.jsonl", [*before, *good, *after])
        found = script.read(run)
        assert found.age_s() >= 0
        assert found.gang is None or isinstance(found.gang, dict)
        Run(run).get_status()


@given(SIGNATURES)
@example(json.dumps({**owner.identity(), "pid": [], "run": 1}).encode())
@example(json.dumps({**owner.identity(), "pid": 10**30}).encode())
@example(json.dumps({**owner.identity(), "pid": -1, "start": {}, "ticket": []}).encode())
@example(json.dumps({**owner.identity(), "pid": "1/../2"}).encode())
def test_signatures(line: bytes) -> None:
    """Of a lock; a damaged one is nobody's."""
    with new_run() as run:
        damage(run.path, "runner.lock", [line])
        owner.is_alive(owner.signature(run.lock) or {"host": None})
        Run(run).get_status()


@given(st.dictionaries(st.text(max_size=5), anything(), max_size=4), st.binary(max_size=30))
def test_files_of_one_object(record: dict[str, Any], text: bytes) -> None:
    """A file that is written once is read whole, or ValueError names it."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file.json")
        jsonl.write_once(path, record, sync=False)
        assert repr(jsonl.read_json(path)) == repr(record)
        for damaged in (text, b"[" * 20_000, b'{"a":' * 20_000):
            Path(path).write_bytes(damaged)
            with suppress(ValueError):
                assert isinstance(jsonl.read_json(path), dict)
        with pytest.raises(ValueError, match=re.escape(path)):
            jsonl.read_json(path)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**500), 2**500), st.floats(), st.text(max_size=20)
)
NAMES = st.text(min_size=1, max_size=10)
COLUMNS = st.one_of(NAMES, st.just("$float"))
LOGGED = st.one_of(
    st.tuples(st.none(), SCALARS),
    st.tuples(st.just(LIST), st.lists(SCALARS, min_size=1, max_size=4)),
    st.tuples(st.just(ROW), st.dictionaries(COLUMNS, SCALARS, min_size=1, max_size=3)),
    st.tuples(
        st.just(TABLE),
        st.dictionaries(COLUMNS, st.lists(SCALARS, min_size=2, max_size=2), min_size=1, max_size=3),
    ),
)


@given(st.lists(LOGGED, max_size=6))
@example([(ROW, {"$float": "nan"})])
def test_what_was_logged_comes_back(logged: list[tuple[Any, Any]]) -> None:
    with new_run() as run:
        writer = MetricWriter(run)
        for number, (kind, value) in enumerate(logged):
            if kind is None:
                writer.scalar(str(number), value)
            else:
                writer.other(kind, str(number), value, None)
        found = read_metrics(run)
        for number, (kind, value) in enumerate(logged):
            expected = value[0] if kind == LIST and len(value) == 1 else value
            assert repr(found[str(number)]) == repr(expected)  # NaN is itself
