"""Text of others on a terminal and in a browser page: shown, never carried out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.record import computes
from tests.security.conftest import Scene

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\b\u202e"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def _said_everywhere(scene: Scene, text: str) -> None:
    """Put the text wherever a run, and what lies beside it, has words."""
    run = scene.run
    record = json.loads(Path(run.run_json).read_text())
    spec = record["spec"]
    spec["environment"]["name"] = text
    spec["arguments"] = [text]
    spec["environment_variables"] = {f"A{text}": text}
    record.update(user=text, tags={text: text}, properties={text: text}, display_name=text)
    record["git"] = {"branch": text, "commit": text, "url": text}
    Path(run.run_json).write_text(json.dumps(record))
    notes = [
        {"t": 1.0, "kind": kind, "key": text, "value": text}
        for kind in ("tag", "property", "display_name", "description", "child", "error")
    ]
    Path(run.notes, "x.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    lines = [{"t": 1.0, "n": text, "v": text}, {"t": 1.0, "n": f"{text}2", "v": 1.0}]
    Path(run.metrics, "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    name = text.replace("/", "_")
    Path(run.outputs, name).write_text("x")
    events = Path(run.events).read_text().splitlines()
    last = json.loads(events[-1])
    error = {"type": text, "message": text, "log_tail": [text]}
    last.update(status="Failed", reason="script_exception")
    last["detail"] = {"message": text, "hint": text, "error": error, "exit_code": 1}
    Path(run.events).write_text("\n".join([*events[:-1], json.dumps(last)]) + "\n")
    computes.write(
        scene.workspace,
        name,
        {"type": text, "max_nodes": 1, "description": text, "tags": {text: text}},
    )
    os.mkdir(scene.workspace.experiment(name))
    os.symlink(scene.other.path, os.path.join(scene.workspace.experiment(name), name))


def test_a_folder_of_any_name_keeps_no_experiment_from_being_listed(scene: Scene) -> None:
    os.mkdir(scene.workspace.experiment("a b\x1b[2J"))
    workspace = Workspace.at(scene.workspace)
    assert list(workspace.experiments) == ["main"]
    assert [experiment.name for experiment in Experiment.list(workspace)] == ["main"]


@pytest.mark.parametrize("given_away", [False, True])
def test_no_words_of_a_run_reach_the_terminal_as_commands(scene: Scene, given_away: bool) -> None:
    _said_everywhere(scene, ESCAPE)
    if given_away:
        scene.given_away()
    raw: list[Any] = []
    for one in scene.read():
        for text in (one["out"], one["err"]):
            bad = [c for c in text if not c.isprintable() and c != "\n"]
            if bad:
                raw.append((one["words"], bad, text[:300]))
    assert raw == []


def test_no_words_of_a_run_become_markup_of_a_page(scene: Scene) -> None:
    _said_everywhere(scene, MARKUP)
    workspace = Workspace.at(scene.workspace)
    shown = [workspace, workspace.get_run(scene.run.id), *workspace.experiments.values()]
    html = [item._repr_html_() for item in shown if hasattr(item, "_repr_html_")]
    assert html
    assert not [page for page in html if "<script>" in page or "<img" in page]
