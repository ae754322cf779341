from __future__ import annotations

from typing import Any

import pytest

from runyard import launchers
from runyard.launchers.plan import Places
from runyard.launchers.single import SingleLauncher

PLACES = Places(["localhost"], ["127.0.0.1"])


@pytest.mark.parametrize(
    ("spec", "argv"),
    [
        ({"script": "train.py", "arguments": ["--n", "1"]}, ("/e/python", "train.py", "--n", "1")),
        # Runs of older versions have no entry.
        ({"script": "run.sh", "arguments": []}, ("bash", "run.sh")),
        (
            {"script": "p/a.py", "arguments": ["1"], "entry": {"kind": "module", "module": "p.a"}},
            ("/e/python", "-m", "p.a", "1"),
        ),
        (
            {"script": "a.ipynb", "arguments": ["--n", "1"], "entry": {"kind": "notebook"}},
            ("/e/python", "-m", "runyard.job.notebook", "a.ipynb", "--n", "1"),
        ),
        (
            {
                "script": "a.R",
                "entry": {"kind": "program", "interpreter": ["Rscript"]},
                "environment_variables": {},
            },
            ("Rscript", "a.R"),
        ),
        (
            {"script": "bin/a", "entry": {"kind": "program", "interpreter": []}},
            ("./bin/a",),
        ),
        ({"script": "a.sh", "entry": {"kind": "python"}}, ("/e/python", "a.sh")),
        ({"script": None, "command": ["make", "all"]}, ("make", "all")),
        ({"script": None, "command": "a && b"}, ("bash", "-c", "a && b")),
    ],
)
def test_one_process_on_the_first_node(spec: dict[str, Any], argv: tuple[str, ...]) -> None:
    plan = SingleLauncher().plan(spec, PLACES, "/e/python")
    assert [(p.node, p.argv, p.log) for p in plan.processes] == [(0, argv, "std_log.txt")]


@pytest.mark.parametrize("own", [{}, {"RETICULATE_PYTHON": "/mine"}])
def test_r_finds_the_python_of_the_run(own: dict[str, str]) -> None:
    entry = {"kind": "program", "interpreter": ["Rscript"]}
    spec = {"script": "a.R", "entry": entry, "environment_variables": own}
    found = SingleLauncher().plan(spec, PLACES, "/e/python").processes[0].env
    assert found == ({} if own else {"RETICULATE_PYTHON": "/e/python"})


def test_folders_of_modules_are_handed_on() -> None:
    spec = {"script": "p/a.py", "entry": {"kind": "python", "python_path": ["."]}}
    assert SingleLauncher().plan(spec, PLACES, "/e/python").processes[0].python_path == (".",)


def test_planning_changes_nothing() -> None:
    spec = {"script": "a.py", "arguments": ["$X"]}
    SingleLauncher().plan(spec, PLACES, "/e/python")
    assert spec == {"script": "a.py", "arguments": ["$X"]}


def test_launchers_are_found_by_the_name_in_a_spec() -> None:
    assert isinstance(launchers.load("single"), SingleLauncher)
    with pytest.raises(LookupError, match=r"no launcher named 'ray'; known here: .*, single"):
        launchers.load("ray")


@pytest.mark.parametrize("communicator", ["Mpi", "IntelMpi", "OpenMpi", "None", None])
def test_one_rank_of_mpi_finds_its_variables(communicator: str | None) -> None:
    spec: dict[str, Any] = {"script": "train.py", "communicator": communicator}
    [process] = SingleLauncher().plan(spec, PLACES, "/e/python").processes
    expected = {"RANK": "0", "SIZE": "1", "LOCAL_RANK": "0", "LOCAL_SIZE": "1"}
    found = {
        name.removeprefix("OMPI_COMM_WORLD_"): value
        for name, value in process.env.items()
        if name.startswith("OMPI_")
    }
    assert found == (expected if communicator not in ("None", None) else {})
