"""The commands that start MPI, as plans."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from runyard.launchers import mpi
from runyard.launchers.plan import LaunchPlan, Places
from tests import mpi_program

ONE = Places(["localhost"], ["127.0.0.1"], ports=[[4711]])
TWO = Places(["n1", "n2"], ["10.0.0.1", "10.0.0.2"], ports=[[4711]], agent="/x/agent")


def planned(places: Places, runtime: str = "mpich", **changes: Any) -> LaunchPlan:
    nodes = len(places.nodes)
    spec = {
        "script": "train.py",
        "arguments": ["--n", "1"],
        "entry": {"kind": "python"},
        "environment_variables": {},
        "processes_per_node": 2,
        "distribution": {"process_count": 2 * nodes, "runtime": runtime, "mpiexec": ""},
        **changes,
    }
    return mpi.MpiLauncher().plan(spec, places, "/e/bin/python")


def command(plan: LaunchPlan) -> list[str]:
    """Up to the program of the ranks."""
    assert plan.starter is not None
    argv = list(plan.starter.argv)
    return argv[: argv.index("sh")]


@pytest.mark.parametrize(
    ("runtime", "one", "two"),
    [
        (
            "mpich",
            "-rmk user -localhost 127.0.0.1 -launcher fork -n 2",
            "-rmk user -localhost 10.0.0.1 -hosts n1,n2 -ppn 2 -launcher rsh "
            "-launcher-exec /x/agent -n 4",
        ),
        (
            "impi-rt",
            "-rmk user -localhost 127.0.0.1 -bootstrap fork -n 2",
            "-rmk user -localhost 10.0.0.1 -hosts n1,n2 -ppn 2 -bootstrap rsh "
            "-bootstrap-exec /x/agent -n 4",
        ),
        (
            "openmpi",
            "--bind-to none --host localhost:2 --map-by :OVERSUBSCRIBE -n 2",
            "--bind-to none --host n1:2,n2:2 --map-by ppr:2:node:OVERSUBSCRIBE -n 4",
        ),
    ],
)
def test_the_command(runtime: str, one: str, two: str) -> None:
    for places, expected in ((ONE, one), (TWO, two)):
        found = command(planned(places, runtime))
        assert " ".join(found) == f"/e/bin/mpiexec {expected}"


def test_the_ranks() -> None:
    plan = planned(TWO)
    found = [(p.rank, p.node, p.local_rank, p.log) for p in plan.processes]
    assert found == [
        (0, 0, 0, "std_log_process_0.txt"),
        (1, 0, 1, "std_log_process_1.txt"),
        (2, 1, 0, "std_log_process_2.txt"),
        (3, 1, 1, "std_log_process_3.txt"),
    ]
    assert plan.starter is not None
    assert plan.starter.log == "mpi.txt"
    assert list(plan.starter.argv[-5:])[:1] == ["/e/bin/python"]
    assert list(plan.starter.argv[-3:]) == ["train.py", "--n", "1"]


def test_the_variables_of_all() -> None:
    starter = planned(TWO, "openmpi").starter
    assert starter is not None
    for name, value in {
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "4711",
        "AZ_BATCH_MASTER_NODE": "10.0.0.1:4711",
        "AZ_BATCHAI_MPI_MASTER_NODE": "10.0.0.1",
        "AZ_BATCH_HOST_LIST": "10.0.0.1,10.0.0.2",
        "AZ_BATCH_NODE_LIST": "10.0.0.1;10.0.0.2",
        "RUNYARD_PROCESSES_PER_NODE": "2",
        "PRTE_MCA_plm_ssh_agent": "/x/agent",
        "OMPI_MCA_plm_rsh_agent": "/x/agent",
    }.items():
        assert starter.env[name] == value


def test_what_the_user_sets_is_left_alone() -> None:
    plain, own = planned(ONE, "impi-rt"), {"I_MPI_PIN": "on"}
    assert plain.starter is not None
    assert plain.starter.env["I_MPI_PIN"] == "off"
    starter = planned(ONE, "impi-rt", environment_variables=own).starter
    assert starter is not None
    assert "I_MPI_PIN" not in starter.env


def test_the_mpiexec_that_was_named() -> None:
    distribution = {"process_count": 2, "runtime": "openmpi", "mpiexec": "/opt/mpi/bin/mpiexec"}
    assert command(planned(ONE, distribution=distribution))[0] == "/opt/mpi/bin/mpiexec"


OF_AN_IMAGE = {"process_count": 2, "runtime": "", "mpiexec": ""}
SAYS_HOW = """#!/bin/sh
if [ "$1" = --version ]; then
    echo "$SAYS"
else
    echo "$@"
    echo "${I_MPI_ROOT-no root}"
fi
"""


@pytest.mark.parametrize("runtime", ["mpich", "openmpi", "impi-rt"])
def test_that_of_an_image_is_known_where_it_is(runtime: str, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "mpiexec"
    program.parent.mkdir()
    program.write_text(SAYS_HOW)
    program.chmod(0o755)
    starter = planned(ONE, distribution=OF_AN_IMAGE).starter
    assert starter is not None
    path = f"{program.parent}:/usr/bin:/bin"
    variables = {**starter.env, "SAYS": mpi_program.SAYS[runtime], "PATH": path}
    done = subprocess.run(starter.argv, env=variables, capture_output=True, check=True)
    said, root = done.stdout.decode().splitlines()
    wanted = planned(ONE, runtime).starter
    assert wanted is not None
    assert said == " ".join(wanted.argv[1:])
    assert root == (str(tmp_path) if runtime == "impi-rt" else "no root")


def test_an_image_has_none_or_one_that_nobody_knows(tmp_path: Path) -> None:
    starter = planned(ONE, distribution=OF_AN_IMAGE).starter
    assert starter is not None
    for text, code, said in (
        ("", 127, "the image has no program mpiexec: install an MPI in it"),
        ("#!/bin/sh\necho Platform MPI\n", 126, "is none of MPICH, Open MPI and Intel MPI: Plat"),
    ):
        if text:
            (tmp_path / "mpiexec").write_text(text)
            (tmp_path / "mpiexec").chmod(0o755)
        variables = {**starter.env, "PATH": str(tmp_path)}
        argv = ["/bin/sh", *starter.argv[1:]]
        done = subprocess.run(argv, env=variables, capture_output=True, check=False)
        assert done.returncode == code
        assert said in done.stderr.decode()


EXPAND = Path(mpi.__file__).with_name("expand.sh")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("$A", "x y"),
        ("${A}b", "x yb"),
        ("a$A$A", "ax yx y"),
        ("$NOBODY ${NOBODY}", "$NOBODY ${NOBODY}"),
        ("two\n$A\nlines\n", "two\nx y\nlines\n"),
        ("$", "$"),
        ("50$ \\n '\"`*", "50$ \\n '\"`*"),
        ("", ""),
        ("$(echo no) $A;", "$(echo no) x y;"),
    ],
)
def test_variables_in_arguments(given: str, expected: str) -> None:
    done = subprocess.run(
        ["sh", str(EXPAND), "printf", "<%s>", given, "$A"],
        env={"A": "x y", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == f"<{expected}><x y>"
