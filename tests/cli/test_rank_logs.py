"""The logs of several processes as one, and one of them alone."""

from __future__ import annotations

import json
import os
import resource
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runyard.cli import completing, output
from runyard.cli.following import Follower
from runyard.cli.rank_logs import RankLogs, process_count
from runyard.record.layout import RunDirectory
from tests.cli import processes
from tests.cli.fixtures import History, Invoke


def distributed(run: RunDirectory, *logs: str | None, std_log: str | None = None) -> RunDirectory:
    """Make a run one of so many processes; None is a log that is not there."""
    record = json.loads(Path(run.run_json).read_text())
    record["spec"]["distribution"] = {"process_count": len(logs)}
    record["spec"]["processes_per_node"] = len(logs)
    Path(run.run_json).write_text(json.dumps(record))
    os.unlink(run.std_log)
    texts = {run.std_log: std_log, **{run.rank_log(i): text for i, text in enumerate(logs)}}
    for path, text in texts.items():
        if text is not None:
            Path(path).write_text(text)
    return run


def test_lines_of_all_processes_take_turns(history: History, invoke: Invoke) -> None:
    run = distributed(history.good, "a\nb\n", "1\n2\n3\nno end", None, std_log="data: here\n")
    assert invoke("logs", run.id).out.splitlines() == [
        "data: here",
        "[rank 0] a",
        "[rank 1] 1",
        "[rank 0] b",
        "[rank 1] 2",
        "[rank 1] 3",
        "[rank 1] no end",
    ]
    assert invoke("logs", "-f", run.id).out == invoke("logs", run.id).out


def test_the_last_lines_of_each(history: History, invoke: Invoke) -> None:
    run = distributed(history.good, "a\nb\n", "1\n2\n3\n")
    assert invoke("logs", run.id, "-n", 1).out == "[rank 0] b\n[rank 1] 3\n"


def test_ranks_are_aligned(history: History, invoke: Invoke) -> None:
    run = distributed(history.good, *["x\n"] * 64)
    lines = invoke("logs", run.id).out.splitlines()
    assert len(lines) == 64
    assert (lines[3], lines[63]) == ("[rank  3] x", "[rank 63] x")


def test_one_rank_alone(history: History, invoke: Invoke) -> None:
    run = distributed(history.good, "a\n", "b without end")
    assert invoke("logs", run.id, "--rank", 1).out == "b without end"
    assert invoke("logs", "-f", run.id, "--rank", 0).out == "a\n"
    said = invoke("logs", run.id, "--rank", 2)
    assert (said.code, said.err) == (2, f"error: --rank 2: run {run.id} has the ranks 0 to 1\n")
    said = invoke("logs", run.id, "--rank", 0, "--log", "runner")
    assert "--log and --rank both name a log; leave out one of them" in said.err
    alone = history.exits.id
    assert invoke("logs", alone, "--rank", 0).out == "before\n"
    said = invoke("logs", alone, "--rank", 1)
    assert f"--rank 1: run {alone} is one process, of rank 0" in said.err


def test_empty_logs_say_so(history: History, invoke: Invoke) -> None:
    run = distributed(history.good, "", None)
    said = invoke("logs", run.id)
    assert (said.out, said.err) == ("", "the logs of the 2 processes are empty\n")


def test_ranks_are_completed(history: History) -> None:
    import click

    from runyard.cli.commands.logs import command

    run = distributed(history.good, "a", "b", "c")

    def found(run_id: str) -> list[str]:
        context = click.Context(command)
        context.params["run"] = run_id
        items = completing.ranks(context, command.params[0], "")
        return [item.value for item in items]

    assert found(run.id) == ["0", "1", "2"]
    assert found(history.exits.id) == ["0"]


@pytest.mark.parametrize(
    ("spec", "count"),
    [({}, 0), ({"distribution": None}, 0), ({"distribution": {"process_count": 4}}, 4)],
)
def test_how_many_logs_there_are(spec: dict[str, Any], count: int) -> None:
    assert process_count(spec) == count


# As they grow


class Sink:
    """Stdout as somebody sees it; ``terminal``: whether it is one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
        self.text = ""
        monkeypatch.setattr(output, "stream_bytes", lambda err: self)
        monkeypatch.setattr(output, "is_terminal", lambda err=False: terminal)

    def write(self, data: bytes) -> None:
        self.text += data.decode()

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("others", [0, 150])
def test_more_logs_than_files_may_be_open(
    history: History, invoke: Invoke, others: int, request: pytest.FixtureRequest
) -> None:
    run = distributed(history.good, *["x\n"] * 300)
    for _ in range(others):  # as of a caller that has opened many
        request.addfinalizer(partial(os.close, os.open(os.devnull, os.O_RDONLY)))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    now = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (now + 50, before[1]))
    try:
        assert len(invoke("logs", run.id).out.splitlines()) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_only_whole_lines_are_shown_while_they_grow(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = distributed(history.good, "hal", None)
    sink = Sink(monkeypatch, terminal=False)
    logs = RankLogs(run, 2)
    assert logs.copy() is False
    with Path(run.rank_log(0)).open("a") as log:
        log.write("f\nand")
    Path(run.rank_log(1)).write_text("late\n")
    assert logs.copy() is True
    assert sink.text == "[rank 0] half\n[rank 1] late\n"
    assert logs.copy(final=True) is True
    assert sink.text.endswith("[rank 0] and\n")
    assert logs.copy(final=True) is False
    logs.close()


def test_a_line_without_end_is_not_kept_for_ever(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = distributed(history.good, "x" * 300_000, "short\n")
    sink = Sink(monkeypatch, terminal=False)
    logs = RankLogs(run, 2)
    logs.copy()
    assert sum(map(len, sink.text.splitlines())) > 200_000
    assert all(line.startswith("[rank ") for line in sink.text.splitlines())
    logs.copy(final=True)
    assert sink.text.count("x") == 300_000
    logs.close()


@pytest.mark.parametrize("no_colour", [None, "1", ""])
def test_ranks_are_coloured_on_a_terminal(
    history: History, monkeypatch: pytest.MonkeyPatch, no_colour: str | None
) -> None:
    run = distributed(history.good, "\r 10%\r 20%\r\n\x07bell\n", "b\n", std_log="data\n")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    sink = Sink(monkeypatch, terminal=True)
    logs = RankLogs(run, 2)
    logs.copy()
    logs.close()
    lines = sink.text.splitlines()
    assert lines[0] == "data"
    if no_colour:
        assert lines[1:] == ["[rank 0]  20%", "[rank 1] b", "[rank 0] bell"]
    else:
        assert lines[1] == "\x1b[36m[rank 0] \x1b[0m 20%"
        assert lines[2] == "\x1b[33m[rank 1] \x1b[0mb"


def test_following_64_ranks_waits_between_looks(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = distributed(history.good, *["start\n"] * 64)
    sink = Sink(monkeypatch, terminal=False)
    pauses: list[float] = []
    follower = Follower(run, clock=lambda: 0.0, sleep=pauses.append)
    ended = iter([False] * 20 + [True])
    monkeypatch.setattr(follower, "_has_ended", lambda: next(ended))
    before = time.process_time()
    follower.follow_ranks(64)
    assert time.process_time() - before < 1.0
    assert len(sink.text.splitlines()) == 64
    assert len(pauses) == 20
    assert pauses[-1] == 0.2


def test_what_is_piped_has_ranks_and_no_colours(history: History) -> None:
    run = distributed(history.good, "a\n", "b\n")
    done = processes.run("logs", run.id, env={**os.environ, "FORCE_COLOR": "1"})
    assert (done.stdout, done.returncode) == ("[rank 0] a\n[rank 1] b\n", 0)
