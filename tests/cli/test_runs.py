from __future__ import annotations

from pathlib import Path

import pytest

from runyard import Experiment, Workspace
from tests.cli.fixtures import History, Invoke


def test_runs_lists_the_newest_first(history: History, invoke: Invoke) -> None:
    said = invoke("runs")
    lines = said.out.splitlines()
    assert lines[0].split() == [
        "RUN",
        "STATUS",
        "REASON",
        "CREATED",
        "DURATION",
        "EXPERIMENT",
        "NAME",
        "AND",
        "TAGS",
    ]
    ids = [line.split()[0] for line in lines[1:]]
    assert ids == [history.raises.id, history.exits.id, history.good.id]
    assert "script_exception" in lines[1]
    assert "the good one  stage=final" in lines[3]
    assert said.code == 0
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-e", "other"), ["raises"]),
        (("--status", "failed"), ["raises", "exits"]),
        (("--status", "Completed"), ["good"]),
        (("--tag", "stage=final"), ["good"]),
        (("--tag", "stage"), ["good"]),
        (("--tag", "stage=first"), []),
        (("--tag", "mark", "--tag", "stage"), []),
        (("-n", 2), ["raises", "exits"]),
        (("-n", 1, "--all"), ["raises"]),
        (("--all",), ["raises", "exits", "good"]),
    ],
)
def test_runs_can_be_filtered(
    history: History, invoke: Invoke, words: tuple[object, ...], expected: list[str]
) -> None:
    found = [run["run_id"] for run in invoke("runs", "--json", *words).json]
    assert found == [getattr(history, name).id for name in expected]


def test_runs_as_json_has_all_that_the_table_has(history: History, invoke: Invoke) -> None:
    said = invoke("runs", "--json", "-e", "other")
    (run,) = said.json
    assert run["status"] == "Failed"
    assert run["reason"] == "script_exception"
    assert run["directory"] == history.raises.path
    assert run["created"].endswith("Z")
    assert run["duration_s"] > 0
    assert said.err == ""


def test_a_list_cut_short_says_so(history: History, invoke: Invoke) -> None:
    assert invoke("runs", "-n", 2).err == "the newest 2; -n N for more, --all for all\n"


def test_an_unknown_experiment_lists_those_there_are(history: History, invoke: Invoke) -> None:
    said = invoke("runs", "-e", "nope")
    assert said.words == "there is no experiment 'nope'; there are: main, other"
    assert (said.code, said.out) == (0, "")


def test_an_unknown_status_lists_those_there_are(history: History, invoke: Invoke) -> None:
    said = invoke("runs", "--status", "dead")
    assert "'running'" in said.err.lower()
    assert said.code == 2


def test_a_new_workspace_says_how_to_begin(project: Path, invoke: Invoke) -> None:
    invoke("init")
    said = invoke("runs")
    assert said.words == (
        f"no runs yet in {project}/.runyard; start one: runyard submit -f train.py"
    )
    assert invoke("runs", "--json").json == []


def test_a_damaged_run_is_listed_with_a_warning(history: History, invoke: Invoke) -> None:
    Path(history.exits.run_json).write_text("{")
    said = invoke("runs")
    assert "Damaged" in said.out
    assert f"warning: run {history.exits.id} cannot be read" in said.err
    assert said.code == 0
    assert invoke("runs", "--status", "damaged", "--json").json[0]["run_id"] == history.exits.id


def test_a_run_removed_by_hand_is_gone(history: History, invoke: Invoke) -> None:
    Path(history.exits.path).rename(history.folder / "elsewhere")
    assert len(invoke("runs", "--json").json) == 2


def test_reindex_counts_the_runs(history: History, invoke: Invoke) -> None:
    (history.folder / ".runyard/index.db").unlink(missing_ok=True)
    assert invoke("reindex").out == f"3 runs indexed in {history.folder}/.runyard/index.db\n"
    assert invoke("reindex", "--json").json["runs"] == 3


def test_an_empty_experiment_is_refused(history: History, invoke: Invoke) -> None:
    assert invoke("runs", "-e", "").code == 2
    said = invoke("submit", "--user-managed", "-e", "", "train.py")
    assert said.code == 2
    assert "experiment name '' is not valid" in said.err


def test_a_column_without_a_reason_is_left_out(history: History, invoke: Invoke) -> None:
    assert "REASON" not in invoke("runs", "--status", "completed").out


def test_children_stand_below_their_parent(project: Path, invoke: Invoke) -> None:
    workspace = Workspace.create("tree")
    run = Experiment(workspace, "tree").start_logging(snapshot_directory=None)
    child = run.child_run("first")
    below = child.child_run("second")
    for ended in (below, child, run):
        ended.complete()
    lines = invoke("runs", "--all").out.splitlines()
    starts = [f"{run.id} ", f"  {child.id} ", f"    {below.id} "]
    assert [line[: len(start)] for line, start in zip(lines[1:], starts, strict=True)] == starts
    assert f"child of {child.id}" in invoke("runs", "--all", "-n", 1).out
    assert len(invoke("runs").out.splitlines()) == 2
