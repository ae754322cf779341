from __future__ import annotations

from typing import Any

import pytest

from runyard import launchers
from runyard.launchers.single import SingleLauncher


@pytest.mark.parametrize(
    ("spec", "argv"),
    [
        ({"script": "train.py", "arguments": ["--n", "1"]}, ("/e/python", "train.py", "--n", "1")),
        ({"script": "run.sh", "arguments": []}, ("bash", "run.sh")),
        ({"script": None, "command": ["make", "all"]}, ("make", "all")),
        ({"script": None, "command": "a && b"}, ("bash", "-c", "a && b")),
    ],
)
def test_one_process_on_the_first_node(spec: dict[str, Any], argv: tuple[str, ...]) -> None:
    plan = SingleLauncher().plan(spec, ["node"], "/e/python")
    assert [(p.node, p.argv, p.log) for p in plan.processes] == [(0, argv, "std_log.txt")]


def test_planning_changes_nothing() -> None:
    spec = {"script": "a.py", "arguments": ["$X"]}
    SingleLauncher().plan(spec, ["node"], "/e/python")
    assert spec == {"script": "a.py", "arguments": ["$X"]}


def test_launchers_are_found_by_the_name_in_a_spec() -> None:
    assert isinstance(launchers.load("single"), SingleLauncher)
    with pytest.raises(LookupError, match="no launcher named 'mpi'; known here: single"):
        launchers.load("mpi")
