from __future__ import annotations

import json
from pathlib import Path

import pytest

from runyard.cli import opening
from tests.cli.fixtures import History, Invoke


def _named(invoke: Invoke, name: str) -> str:
    found: str = invoke("show", name, "--json").json["run_id"]
    return found


@pytest.mark.parametrize(
    ("name", "run"),
    [("last", "raises"), ("@1", "raises"), ("@2", "exits"), ("@3", "good"), ("other", "raises")],
)
def test_short_names(history: History, invoke: Invoke, name: str, run: str) -> None:
    assert _named(invoke, name) == getattr(history, run).id


def test_a_full_id_and_its_unique_ends(history: History, invoke: Invoke) -> None:
    for run in history[1:]:
        assert _named(invoke, run.id) == run.id
        assert _named(invoke, run.id[-8:]) == run.id
        assert _named(invoke, run.id[:-2]) == run.id


def test_an_ambiguous_name_lists_the_candidates(history: History, invoke: Invoke) -> None:
    said = invoke("show", "main_")
    assert said.err.startswith("error: 'main_' fits 2 runs; name one of them:\n")
    assert f"  {history.good.id}  Completed  20" in said.err
    assert f"  {history.exits.id}  Failed  20" in said.err
    assert said.code == 2


@pytest.mark.parametrize("command", ["show", "logs", "metrics", "files", "download", "rerun"])
def test_an_unknown_name(history: History, invoke: Invoke, command: str) -> None:
    said = invoke(command, "nope")
    assert said.err == "error: there is no run 'nope'. To see all runs: runyard runs --all\n"
    assert (said.code, said.out) == (2, "")


def test_a_misspelt_id_is_recognised(history: History, invoke: Invoke) -> None:
    name = history.raises.id[:-1] + "_"
    assert f"did you mean {history.raises.id!r}? To see all" in invoke("show", name).err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("@4", "there is no run @4: the workspace"),
        ("@0", "'@0' names no run; @1 is the latest"),
        ("", "there is no run ''"),
        ("../other", "there is no run '../other'"),
        (".", "there is no run '.'"),
    ],
)
def test_names_that_cannot_be(history: History, invoke: Invoke, name: str, text: str) -> None:
    said = invoke("show", name)
    assert text in said.err
    assert said.code == 2


def test_last_without_any_run(project: Path, invoke: Invoke) -> None:
    invoke("init")
    assert "has 0 runs; start one: runyard submit train.py" in invoke("show", "last").err


def test_a_run_that_cannot_be_read(history: History, invoke: Invoke) -> None:
    Path(history.exits.run_json).write_text("{")
    said = invoke("show", history.exits.id)
    assert f"error: run {history.exits.id} cannot be read" in said.err
    assert "is not valid JSON" in said.err
    assert said.code == 2


def test_a_run_of_a_newer_format(history: History, invoke: Invoke) -> None:
    path = Path(history.exits.run_json)
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    assert "was made by a newer runyard (format 9" in invoke("show", history.exits.id).err


def test_a_corrupt_line_is_named_and_passed_over(history: History, invoke: Invoke) -> None:
    path = Path(history.good.events)
    path.write_text("garbage\n" + path.read_text())
    said = invoke("show", history.good.id, "--json")
    assert said.json["status"] == "Completed"
    assert said.err.startswith(f"warning: left out: {path}:1:")


def test_for_a_whole_id_the_workspace_is_not_opened(
    history: History, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening it looks at all runs."""
    monkeypatch.setattr(opening, "existing", lambda: pytest.fail("it was opened"))
    assert invoke("show", history.good.id, "--json").json["run_id"] == history.good.id


def test_a_whole_id_in_a_workspace_of_a_newer_format(history: History, invoke: Invoke) -> None:
    path = Path(history.good.workspace.workspace_json)
    written = path.read_text()
    path.write_text(json.dumps({**json.loads(written), "format": 99}))
    try:
        said = invoke("show", history.good.id)
    finally:
        path.write_text(written)
    assert said.code == 2
    assert "made by a newer runyard (format 99" in said.err
