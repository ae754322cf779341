from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runyard.record import jsonl
from tests.cli.fixtures import History, Invoke, run_directory


def test_a_rerun_takes_the_snapshot_not_the_folder(history: History, invoke: Invoke) -> None:
    (history.folder / "train.py").unlink()
    said = invoke("rerun", "--follow", history.good.id)
    assert said.out == "trained --lr 0.1\n"
    assert said.code == 0
    new = invoke("show", "last", "--json").json
    old = invoke("show", history.good.id, "--json").json
    assert new["run_id"] != old["run_id"]
    same = ("snapshot", "arguments", "script", "tags", "display_name", "experiment", "target")
    assert {key: new[key] for key in same} == {key: old[key] for key in same}
    assert new["properties"]["runyard.rerun_of"] == old["run_id"]
    assert ["rerun", "of", old["run_id"]] in [
        line.split() for line in invoke("show", "last").out.splitlines()
    ]
    assert invoke("diff", "@1", history.good.id, "--json").json["source"]["changed"] == []


def test_a_rerun_has_the_same_spec(history: History, invoke: Invoke) -> None:
    said = invoke("rerun", "--json", "--follow", "@2")
    run = run_directory(history.folder, said.json["run_id"])
    spec = jsonl.read_json(run.run_json)["spec"]
    assert spec == jsonl.read_json(history.exits.run_json)["spec"]
    assert said.code == said.json["exit_code"] == 3


def test_secrets_come_from_the_shell(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "train.py").write_text("import os; print(os.environ['MY_TOKEN'], os.getenv('A'))")
    words = ("submit", "-f", "--user-managed", "--env", "MY_TOKEN=one", "train.py")
    assert invoke(*words).out == "one None\n"
    said = invoke("rerun", "-f", "last")
    assert "set MY_TOKEN in this shell, or give --env MY_TOKEN=VALUE" in said.words
    assert said.code == 2
    monkeypatch.setenv("MY_TOKEN", "two")
    assert invoke("rerun", "-f", "last").out == "two None\n"
    more = ("--env", "MY_TOKEN=three", "--env", "A=1")
    assert invoke("rerun", "-f", "last", *more).out == "three 1\n"
    files = [path for path in project.rglob("*.json*") if path.is_file()]
    assert not any("three" in path.read_text() for path in files)


def test_what_is_no_longer_there_is_named(history: History, invoke: Invoke) -> None:
    shutil.rmtree(history.folder / ".runyard/snapshots")
    said = invoke("rerun", "last")
    assert f"the snapshot of run {history.raises.id} is no longer there" in said.err
    record = jsonl.read_json(history.good.run_json)
    record["spec"]["environment"]["interpreter"] = "/nowhere/python"
    jsonl.write_once(history.good.run_json, record)
    said = invoke("rerun", history.good.id)
    assert "is no longer there: /nowhere/python" in said.err
    assert said.code == 2
    assert len(invoke("runs", "--json").json) == 3


def test_an_interactive_run_has_no_script(history: History, invoke: Invoke) -> None:
    record = jsonl.read_json(history.good.run_json)
    jsonl.write_once(history.good.run_json, {**record, "spec": None, "type": "interactive"})
    assert "was not submitted (it is of type 'interactive')" in invoke("rerun", history.good.id).err


def test_cancel_says_what_had_ended_before(history: History, invoke: Invoke) -> None:
    said = invoke("cancel", "@1", "@3")
    assert said.out == (
        f"{history.raises.id}: Failed, it had ended before\n"
        f"{history.good.id}: Completed, it had ended before\n"
    )


def test_cancel_without_waiting(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("import time; time.sleep(60)")
    invoke("submit", "--user-managed", "train.py")
    (run,) = invoke("cancel", "--no-wait", "--json", "last").json
    assert run["status"] in ("CancelRequested", "Canceled")
    (run,) = invoke("cancel", "--json", "last").json
    assert run["status"] == "Canceled"
    assert os.path.isdir(run["directory"])


def test_an_unknown_run_among_others_cancels_nothing(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("import time; time.sleep(60)")
    invoke("submit", "--user-managed", "train.py")
    assert invoke("cancel", "last", "nope").code == 2
    assert invoke("show", "last", "--json").json["status"] != "CancelRequested"
    invoke("cancel", "last")
