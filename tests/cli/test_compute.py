"""``runyard compute``, and what other commands say of a run that waits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.record import events
from runyard.record.layout import RunDirectory
from tests.cli import processes
from tests.cli.fixtures import Invoke, run_directory

UNTIL = "import os, time\nwhile not os.path.exists({!r}): time.sleep(0.01)\nprint('done')\n"


@pytest.fixture
def go(project: Path, tmp_path: Path) -> Iterator[Path]:
    """The project's script ends once it is there."""
    flag = tmp_path / "go"
    (project / "train.py").write_text(UNTIL.format(str(flag)))
    yield flag
    flag.touch()


def submit(invoke: Invoke, project: Path, *words: str) -> RunDirectory:
    said = invoke("submit", "--json", "--user-managed", "--target", "pool", *words, "train.py")
    return run_directory(project, said.json["run_id"])


def test_a_target_from_its_making_to_its_end(invoke: Invoke, project: Path, go: Path) -> None:
    none = invoke("init")
    assert none.code == 0
    assert (
        "make one: runyard compute create cpu-cluster --max-nodes 2"
        in invoke("compute", "list").err
    )
    made = invoke("compute", "create", "pool", "--max-nodes", 1, "--tag", "team=vision")
    assert made.out.splitlines()[:6] == [
        "target    pool",
        "state     Succeeded",
        "priority  dedicated",
        "nodes     1, 0 of them taken",
        "tags      team=vision",
        made.out.splitlines()[5],
    ]
    first, second = submit(invoke, project), submit(invoke, project)
    processes.wait_for(lambda: events.read_state(first).started)
    shown = invoke("compute", "show", "pool").out
    assert f"running   {first.id}  on pool-0\nqueue     {second.id}  1\n" in shown
    (listed,) = invoke("compute", "list", "--json").json
    assert listed["running"] == [{"run_id": first.id, "node": "pool-0"}]
    assert listed["queue"] == [
        {"run_id": second.id, "experiment": second.experiment, "position": 1}
    ]
    assert listed["status"]["nodeStateCounts"]["runningNodeCount"] == 1
    table = invoke("compute", "list").out.splitlines()
    assert table[0].split() == ["TARGET", "STATE", "PRIORITY", "NODES", "RUNNING", "QUEUED"]
    assert table[1].split() == ["pool", "Succeeded", "dedicated", "1", "1", "1"]
    assert invoke("compute", "update", "pool", "--max-nodes", 2, "--json").json["max_nodes"] == 2
    processes.wait_for(lambda: events.read_state(second).started)
    deleted = invoke("compute", "delete", "pool", "--json")
    assert (deleted.json, deleted.err) == (
        {"name": "pool", "state": "Deleted"},
        "2 runs asked to end\n",
    )
    assert {events.read_state(run).status.value for run in (first, second)} == {"Canceled"}
    gone = invoke("compute", "show", "pool")
    assert gone.code == 2
    assert "ComputeTargetNotFound: no compute target named 'pool'; known here: local." in gone.err


def test_a_run_that_waits_says_where(invoke: Invoke, project: Path, go: Path) -> None:
    invoke("compute", "create", "pool", "--max-nodes", 1)
    submit(invoke, project)
    second = submit(invoke, project)
    place = "position 1 of 1 in the queue of pool"
    assert f"queue        {place}\n" in invoke("show", "last").out
    shown = {"target": "pool", "position": 1, "length": 1, "whose": "", "why": ""}
    assert invoke("show", "last", "--json").json["queue"] == shown
    assert place in invoke("runs").out
    assert [run["queue"] for run in invoke("runs", "--json").json] == [shown, None]
    third = invoke("submit", "--user-managed", "--target", "pool", "train.py")
    assert "queued: position 2 of 2 in the queue of pool" in third.err
    cancelled = invoke("cancel", second.id)
    assert cancelled.out == f"{second.id}: Canceled\n"
    assert "position 1 of 1" in invoke("show", "last").out


def test_who_follows_sees_the_place_change(invoke: Invoke, project: Path, go: Path) -> None:
    invoke("compute", "create", "pool", "--max-nodes", 1)
    submit(invoke, project)
    second = submit(invoke, project)
    words = ("submit", "-f", "--user-managed", "--target", "pool", "train.py")
    follower = processes.start(*words)
    assert follower.stderr is not None
    assert follower.stdout is not None
    processes.read_until(follower.stderr.fileno(), b"position 2 of 2")
    invoke("cancel", second.id)
    processes.read_until(follower.stderr.fileno(), b"position 1 of 1")
    go.touch()
    assert follower.stdout.read() == b"done\n"
    assert follower.wait() == 0
    follower.stderr.close()
    follower.stdout.close()


def test_what_cannot_be_made_or_changed_says_why(invoke: Invoke, project: Path) -> None:
    said = invoke("compute", "create", "pool")
    assert (said.code, "Missing option '--max-nodes'" in said.err) == (2, True)
    said = invoke("compute", "create", "pool", "--max-nodes", -1)
    assert (said.code, said.words) == (
        2,
        "error: max_nodes=-1: give a whole number, 0 or more",
    )
    assert not (project / ".runyard").exists()
    said = invoke("compute", "create", "local", "--max-nodes", 1)
    assert "'local' is a reserved name of a compute target" in said.err
    said = invoke("compute", "update", "pool")
    assert (said.code, "there is nothing to change; give --max-nodes N" in said.err) == (2, True)


def test_names_of_targets_are_completed(invoke: Invoke, project: Path) -> None:
    invoke("compute", "create", "pool", "--max-nodes", 1)
    for words, expected in (("submit --target ", ["local", "pool"]), ("compute show ", ["pool"])):
        env = {
            **os.environ,
            "_RUNYARD_COMPLETE": "bash_complete",
            "COMP_WORDS": f"runyard {words}",
            "COMP_CWORD": str(len(words.split()) + 1),
        }
        out = processes.run(env=env).stdout
        assert [line.partition(",")[2] for line in out.split()] == expected


def test_lists_are_json_when_there_is_none(invoke: Invoke, project: Path) -> None:
    invoke("init")
    assert json.loads(invoke("compute", "list", "--json").out) == []
