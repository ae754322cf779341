"""What is read of a run for a view: only what is new, and the end of what is long."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from runyard import Experiment, Run, Workspace
from runyard.record import creation, jsonl
from runyard.widgets import log_tail
from runyard.widgets.images import data_address
from runyard.widgets.metric_reader import MAX_NAMES, MetricReader
from runyard.widgets.run_view import MAX_CHILDREN, MAX_FILES, RunView

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO"
    "9TXL0Y4OHwAAAABJRU5ErkJggg=="
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace.create("views")
    started: Run = Experiment(workspace, "e").start_logging(outputs=None, snapshot_directory=None)
    yield started
    started.complete()


def test_every_kind_of_metric(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(PNG)
    run.log("loss", 0.5, step=10)
    run.log("loss", float("nan"), step=20)
    run.log("ok", True)
    run.log("name", "resnet")
    run.log_list("list", [1, 2, 3])
    run.log_row("row", x=1, y=2)
    run.log_row("row", x=3, z=4)
    run.log_table("table", {"a": [1, 2], "b": ["u", "v"]})
    run.log_image("image", path="plot.png")
    run.log_confusion_matrix("matrix", {"schema_type": "confusion_matrix"})
    view = RunView(run)
    metrics = view.metrics()
    assert json.dumps(metrics, allow_nan=False)
    assert metrics["series"]["loss"] == {"points": [[10, 0.5]], "count": 2, "last": "nan"}
    assert metrics["series"]["list"]["points"] == [[0, 1], [1, 2], [2, 3]]
    assert metrics["series"]["ok"]["last"] == 1
    assert metrics["texts"] == {"name": "resnet"}
    assert metrics["tables"]["row"] == {"x": [1, 3], "y": [2, None], "z": [None, 4]}
    assert metrics["tables"]["table"] == {"a": [1, 2], "b": ["u", "v"]}
    assert metrics["artifacts"] == {"matrix": "matrix"}
    [address] = view.images().values()
    assert base64.b64decode(address.removeprefix("data:image/png;base64,")) == PNG


def test_only_new_lines_are_read(run: Run) -> None:
    reader = MetricReader(run.directory)
    run.log("x", 1)
    reader.read()
    seen = reader.version
    reader.read()
    assert reader.version == seen == 1
    [path] = Path(run.directory.metrics).iterdir()
    with path.open("ab") as stream:
        stream.write(b'{"t":1,"n":"x","v":2}\nnot json\n{"t":1,"n":"x"}\n{"t":1,"n":"x","v"')
    reader.read()
    assert reader.series["x"].count == 2
    with path.open("ab") as stream:
        stream.write(b":3}\n")
    reader.read()
    assert (reader.series["x"].count, reader.series["x"].last) == (3, 3.0)


def test_a_million_values_are_read_in_bounded_parts(run: Run) -> None:
    line = '{"t":1795000000.5,"n":"loss","v":%f}\n'
    count = 1_000_000
    Path(run.directory.metrics, "1.jsonl").write_text("".join(line % n for n in range(count)))
    view = RunView(run)
    # Of this thread, whatever else this machine does.
    longest, calls = 0.0, 0
    while True:
        began = time.thread_time()
        metrics = view.metrics()
        longest, calls = max(longest, time.thread_time() - began), calls + 1
        if not metrics["more"]:
            break
    assert metrics["series"]["loss"]["count"] == count
    assert len(json.dumps(metrics)) < 40_000
    assert calls >= 8
    assert longest < 5
    began = time.thread_time()
    view.metrics()
    assert time.thread_time() - began < 0.2


def test_values_of_too_many_names_are_counted(run: Run) -> None:
    for number in range(MAX_NAMES + 5):
        run.log(f"m{number}", number)
    metrics = RunView(run).metrics()
    assert (len(metrics["series"]), metrics["left_out"]) == (MAX_NAMES, 5)


def test_the_end_of_a_large_log(run: Run) -> None:
    path = run.directory.std_log
    with open(path, "w") as stream:
        for number in range(2_000_000):
            stream.write(f"line {number}\n")
        stream.write("10%\r50%\r90%")
    began = time.thread_time()
    log = RunView(run).log()
    assert time.thread_time() - began < 0.2
    lines = log["text"].split("\n")
    assert lines[-2:] == ["line 1999999", "90%"]
    assert len(lines) == log_tail.MAX_LINES
    assert len(log["text"]) <= log_tail.MAX_BYTES
    assert log["name"] == "user_logs/std_log.txt"


def test_the_log_that_is_chosen(run: Run) -> None:
    Path(run.directory.std_log).write_text("script\n")
    Path(run.directory.runner_log).write_text("runner\n")
    view = RunView(run)
    assert view.log()["text"] == "script"
    view.selected_log = "system_logs/runner.txt"
    assert view.log()["text"] == "runner"
    view.selected_log = "../../secret"
    assert view.log()["name"] == "user_logs/std_log.txt"


def test_many_children_and_files_are_cut_to_the_newest_and_counted(run: Run) -> None:
    for number in range(MAX_CHILDREN + 3):
        with run.child_run(f"c{number}") as child:
            child.log("score", number)
    for number in range(MAX_FILES + 7):
        Path(run.directory.outputs, f"{number}.txt").write_text("x" * number)
    view = RunView(run)
    children = view.children()
    assert (len(children["rows"]), children["count"]) == (MAX_CHILDREN, MAX_CHILDREN + 3)
    newest = children["rows"][0]
    assert (newest["display_name"], newest["status"]) == (f"c{MAX_CHILDREN + 2}", "Completed")
    assert newest["metrics"] == {"score": MAX_CHILDREN + 2}
    files = view.files()
    assert (len(files["names"]), files["count"]) == (MAX_FILES, MAX_FILES + 7)
    assert ["outputs/100.txt", 100] in files["names"]


def test_why_a_run_failed(run: Run) -> None:
    with pytest.raises(ValueError, match="bad"), run.child_run("c") as child:
        raise ValueError("bad")
    summary = RunView(child).summary()
    assert summary["status"] == "Failed"
    assert summary["error"]["message"] == "User program failed with ValueError: bad"
    assert not summary["can_cancel"]
    assert RunView(run).summary()["can_cancel"]


@pytest.mark.parametrize(
    ("command", "shown"),
    [("echo hello | cat", "echo hello | cat"), (["python", "a.py"], "python a.py")],
)
def test_a_command_is_shown_as_a_line(run: Run, command: Any, shown: str) -> None:
    record = {"type": "azureml.scriptrun", "spec": {"command": command, "target": "local"}}
    made = creation.create_run(run.directory.workspace, "e", record)
    found = Workspace.from_config().get_run(made.id)
    assert RunView(found).summary()["script"] == shown


def test_an_image_that_is_none_or_too_large_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(PNG + b"x" * (1 << 20))
    (tmp_path / "none.png").write_text("no image")
    assert {data_address(str(path)) for path in tmp_path.iterdir()} == {""}
    assert data_address(str(tmp_path / "missing.png")) == ""
    (tmp_path / "drawn.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert data_address(str(tmp_path / "drawn.svg")).startswith("data:image/svg+xml;base64,")


def test_a_child_that_was_removed_is_passed_over(run: Run) -> None:
    child = run.child_run("gone")
    child.complete()
    view = RunView(run)
    assert len(view.children()["rows"]) == 1
    os.rename(child.directory.run_json, child.directory.run_json + ".gone")
    assert view.children() == {"rows": [], "count": 0}
    assert jsonl.read_json(run.directory.run_json)
