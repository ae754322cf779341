import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runyard.record.creation import create_run
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.metrics import IMAGE, LIST, ROW, TABLE, MetricWriter, read_metrics, read_series
from runyard.record.notes import rank_of, writer_name


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return create_run(WorkspaceDirectory(str(tmp_path)), "exp", {})


def lines_of(run: RunDirectory) -> "list[bytes]":
    return [line for path in Path(run.metrics).iterdir() for line in path.read_bytes().splitlines()]


def reject(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def test_values_come_back_as_they_were_logged(run: RunDirectory) -> None:
    writer = MetricWriter(run)
    values = [0.1, 1e300, -0.0, 3, 2**200, "text", "", True, False, None]
    for value in values:
        writer.scalar("mixed", value)
    writer.scalar("once", 0.5)
    found = read_metrics(run)
    assert [repr(value) for value in found["mixed"]] == [repr(value) for value in values]
    assert found["once"] == 0.5
    assert read_metrics(run, "once") == {"once": 0.5}
    assert read_metrics(run, "never") == {}


NAMES = ["Regularization Strength:", "train/loss", "ünï 漢字 🎉", "a\nb\tc", '"\\', "", "x" * 5000]


@pytest.mark.parametrize("name", NAMES)
def test_names_hold_any_text(run: RunDirectory, name: str) -> None:
    writer = MetricWriter(run)
    writer.scalar(name, name, description=name)
    writer.other(ROW, name + "2", {name: name}, name)
    assert read_metrics(run) == {name: name, name + "2": {name: name}}


def test_lines_stay_strict_json_without_finite_numbers(run: RunDirectory) -> None:
    nan, inf = math.nan, math.inf
    writer = MetricWriter(run)
    for value in (nan, inf, -inf, 1.0):
        writer.scalar("s", value, step=1)
    writer.other(LIST, "l", [nan, 1, -inf], "")
    writer.other(ROW, "r", {"a": inf}, None)
    writer.other(TABLE, "t", {"a": [1.0, nan], "b": [inf, 2.0]}, None)
    for line in lines_of(run):
        json.loads(line, parse_constant=reject)
    found = read_metrics(run)
    assert [str(value) for value in found["s"]] == ["nan", "inf", "-inf", "1.0"]
    assert [str(value) for value in found["l"]] == ["nan", "1", "-inf"]
    assert found["r"] == {"a": inf}
    assert math.isnan(found["t"]["a"][1])
    assert found["t"]["b"] == [inf, 2.0]


def test_lists_rows_and_tables_take_the_shapes_of_the_spec(run: RunDirectory) -> None:
    writer = MetricWriter(run)
    writer.other(LIST, "one", [7], "")
    writer.other(LIST, "list", [1, 2], "")
    writer.scalar("list", 3)
    writer.other(ROW, "row", {"x": 1, "y": 2}, None)
    for row in ({"x": 1}, {"x": 2, "z": "new"}):
        writer.other(ROW, "rows", row, None)
    writer.other(TABLE, "table", {"x": [1], "y": [2]}, None)
    writer.other(TABLE, "scalars", {"x": 1, "y": 2}, None)
    writer.other(IMAGE, "image", "plots/a b.png", None)
    assert read_metrics(run) == {
        "one": 7,
        "list": [1, 2, 3],
        "row": {"x": 1, "y": 2},
        "rows": {"x": [1, 2], "z": [None, "new"]},
        "table": {"x": [1], "y": [2]},
        "scalars": {"x": 1, "y": 2},
        "image": f"aml://artifactId/ExperimentRun/dcid.{run.id}/plots/a b.png",
    }


def test_series_have_time_step_and_value(run: RunDirectory) -> None:
    writer = MetricWriter(run)
    writer.scalar("a", 1.0, step=10)
    writer.scalar("a", math.inf, step=0.5)
    writer.other(LIST, "b", [1, 2], "")
    writer.other(ROW, "c", {"x": 1}, None)
    series = read_series(run)
    assert [point[1:] for point in series["a"]] == [(10, 1.0), (0.5, math.inf)]
    assert [point[1:] for point in series["b"]] == [(None, 1), (None, 2)]
    assert "c" not in series
    assert series["a"][0][0] <= series["a"][1][0] <= series["b"][0][0]


def test_corrupt_lines_are_skipped_and_reported(run: RunDirectory) -> None:
    Path(run.metrics, "a.jsonl").write_bytes(
        b'{"t":1,"n":"a","v":1}\n'
        b"\xff not json\n"
        b'{"t":2,"v":2}\n'
        b'{"t":3,"n":"a","v":5,"k":"list"}\n'
        b"[4]\n"
        b'{"t":5,"n":"a","v":6}\n'
        b'{"t":6,"n":"a","v":7'
    )
    problems: list[str] = []
    assert read_metrics(run, problems=problems) == {"a": [1, 6]}
    assert len(problems) == 4
    assert "a.jsonl:2:" in problems[0]
    assert any("not a metric: {'t': 2, 'v': 2}" in problem for problem in problems)


def test_values_and_rows_under_one_name_are_reported(run: RunDirectory) -> None:
    writer = MetricWriter(run)
    writer.scalar("a", 1)
    writer.other(ROW, "a", {"x": 2}, None)
    problems: list[str] = []
    assert read_metrics(run, problems=problems) == {"a": {"x": 2}}
    assert problems == ["metric 'a': values and rows under one name"]


def test_writers_are_merged_by_time_and_keep_their_own_order(run: RunDirectory) -> None:
    def line(t: float, v: int) -> str:
        return json.dumps({"t": t, "n": "a", "v": v}) + "\n"

    Path(run.metrics, "b.jsonl").write_text(line(1, 1) + line(4, 4) + line(5, 5))
    # The clock of this one ran back between its second and third line.
    Path(run.metrics, "a.jsonl").write_text(line(2, 2) + line(3, 31) + line(0.5, 32))
    Path(run.metrics, "ignored.txt").write_text("x")
    assert read_metrics(run) == {"a": [1, 2, 31, 32, 4, 5]}


def test_what_each_rank_logged_is_kept_apart(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank in ("0", "3", ""):  # '': a process that is no rank
        monkeypatch.setenv("RUNYARD_RANK", rank)
        writer = MetricWriter(run)
        writer.scalar("loss", f"rank {rank}")
        writer.other(LIST, "more", [1, 2], None)
    assert read_metrics(run)["loss"] == ["rank 0", "rank 3", "rank "]
    assert read_metrics(run, rank=3) == {"loss": "rank 3", "more": [1, 2]}
    assert read_metrics(run, "loss", rank=0) == {"loss": "rank 0"}
    assert read_metrics(run, rank=1) == {}
    assert [value for _, _, value in read_series(run, rank=3)["loss"]] == ["rank 3"]
    names = sorted(path.name for path in Path(run.metrics).iterdir())
    assert {rank_of(name) for name in names} == {0, 3, None}


@pytest.mark.parametrize("rank", ["x", "-1", "1+2", "../1"])
def test_a_rank_that_is_none_is_in_no_name(monkeypatch: pytest.MonkeyPatch, rank: str) -> None:
    monkeypatch.setenv("RUNYARD_RANK", rank)
    assert "+" not in writer_name()
    assert rank_of(writer_name()) is None


def test_one_writer_per_file(run: RunDirectory) -> None:
    writer = MetricWriter(run)
    writer.scalar("a", "parent")
    child = os.fork()
    if not child:
        writer.scalar("a", "child")
        os._exit(0)
    os.waitpid(child, 0)
    writer.scalar("a", "parent")
    written = sorted(path.read_text() for path in Path(run.metrics).iterdir())
    assert [text.count("parent") for text in sorted(written, key=len)] == [0, 2]
    assert [text.count("child") for text in sorted(written, key=len)] == [1, 0]


def test_threads_write_whole_lines(run: RunDirectory) -> None:
    writer = MetricWriter(run)

    def log(number: int) -> None:
        for value in range(500):
            writer.scalar(f"thread {number}", value)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems: list[str] = []
    assert read_metrics(run, problems=problems) == {
        f"thread {number}": list(range(500)) for number in range(8)
    }
    assert problems == []


WRITE_AND_DIE = """
import os, signal, sys
from runyard.record.layout import RunDirectory
from runyard.record.metrics import MetricWriter
writer = MetricWriter(RunDirectory(sys.argv[1]))
for value in range(1000):
    writer.scalar("a", value)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_written_before_said(run: RunDirectory) -> None:
    done = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, run.path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_metrics(run) == {"a": list(range(1000))}


def test_a_full_disk_is_an_error_and_leaves_no_half_line(run: RunDirectory) -> None:
    import resource

    writer = MetricWriter(run)
    writer.scalar("a", 1)
    size = sum(path.stat().st_size for path in Path(run.metrics).iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"No space|too large"):
            writer.scalar("a", 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    writer.scalar("a", 3)
    assert read_metrics(run) == {"a": [1, 3]}
