"""A run of several processes on the command line, from its start to what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runyard.cli import processes as options
from tests import mpi_program
from tests.cli import processes
from tests.cli.fixtures import Invoke

TRAIN = """
import os, sys
from runyard import Run
rank = int(os.environ["RANK"])
run = Run.get_context()
run.log("loss", rank + 0.5)
run.tag("rank%d" % rank, "was here")
print("trained", rank, "of", os.environ["WORLD_SIZE"])
if sys.argv[1:] == [str(rank)]:
    raise ValueError("enough")
"""
GLOO = ("--user-managed", "--distributed", "gloo", "--nodes", "2", "--processes", "2")


@pytest.fixture
def four(project: Path) -> Path:
    (project / "train.py").write_text(TRAIN)
    return project


def test_four_ranks_from_start_to_end(four: Path, invoke: Invoke) -> None:
    done = processes.run("submit", "-f", *GLOO, "train.py")
    assert done.returncode == 0, done.stderr
    for rank in range(4):
        assert f"[rank {rank}] trained {rank} of 4\n" in done.stdout
        assert f"[rank {rank}] rank {rank} of 4 on " in done.stdout
    assert "note: the 2 nodes are a rehearsal: groups of processes on this machine" in done.stderr
    assert sorted(invoke("logs", "last").out) == sorted(done.stdout)
    assert "trained 3 of 4\n" in invoke("logs", "last", "--rank", 3).out
    assert "trained 2" not in invoke("logs", "last", "--rank", 3).out
    shown = invoke("show", "last").out
    assert "processes    4 processes on 2 nodes (pytorch)\n" in shown
    assert "ranks        0 to 1: node 0, " in shown
    assert "\n             2 to 3: node 1, " in shown
    assert "failed first" not in shown
    for rank in range(4):
        assert f"rank{rank}=was here" in shown


def test_metrics_of_one_rank(four: Path, invoke: Invoke) -> None:
    processes.run("submit", "-f", *GLOO, "train.py")
    assert sorted(invoke("metrics", "last", "--json").json["loss"]) == [0.5, 1.5, 2.5, 3.5]
    assert invoke("metrics", "last", "--json", "--rank", 2).json == {"loss": 2.5}
    assert invoke("metrics", "last", "loss", "--rank", 1).out == "1.5\n"
    said = invoke("metrics", "last", "los", "--rank", 1)
    assert "rank 1 of run " in said.err
    assert "has no metric 'los'; did you mean 'loss'?" in said.err
    assert "rank 7 of run " in invoke("metrics", "last", "--rank", 7).err


def test_the_rank_that_failed_is_named(four: Path, invoke: Invoke) -> None:
    done = processes.run("submit", "-f", *GLOO, "train.py", "2")
    assert done.returncode == 1
    assert "Failed (script_exception, rank 2) after" in done.stderr
    assert "ValueError: enough" in done.stderr
    assert "runyard logs project_" in done.stderr
    assert " --rank 2\n" in done.stderr
    shown = invoke("show", "last").out
    assert "status       Failed (script_exception, rank 2)\n" in shown
    assert "exit code 1, failed first\n" in shown
    assert "log ends     rank 2 of 4 on " in shown
    ranks = invoke("show", "last", "--json").json["ranks"]
    assert [rank["failed_first"] for rank in ranks] == [False, False, True, False]
    assert [rank["node"] for rank in ranks] == [0, 0, 1, 1]
    assert ranks[2]["exit_code"] == 1
    assert all(rank["started"] < rank["ended"] for rank in ranks)


def test_none_has_failed_in_a_run_that_was_ended(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("import time; print('slow'); time.sleep(600)\n")
    done = processes.run("submit", "-f", "--max-seconds", "1", *GLOO, "train.py")
    assert "Failed (time_limit)" in done.stderr
    shown = invoke("show", "last").out
    assert "exit code 143 (SIGTERM)\n" in shown
    assert "failed first" not in shown
    run_id = processes.run("submit", *GLOO, "train.py").stdout.strip()
    processes.run("cancel", run_id)
    assert "status       Canceled" in invoke("show", run_id).out
    assert "failed first" not in invoke("show", run_id).out


SERVER = """
import json, os, sys, time
task = json.loads(os.environ["TF_CONFIG"])["task"]
print(task["type"], task["index"])
if task["type"] == "ps":
    time.sleep(600)
time.sleep(0.2)
sys.exit(int(sys.argv[1]) if task["index"] else 0)
"""


def test_a_parameter_server_that_is_ended_has_not_failed(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text(SERVER)
    words = ("submit", "-f", "--user-managed", "--workers", "2", "train.py")
    done = processes.run(*words, "0")
    assert done.returncode == 0, done.stderr
    shown = invoke("show", "last").out
    assert ", parameter server, ended when the workers were done\n" in shown
    assert "failed first" not in shown
    assert not any(rank["failed_first"] for rank in invoke("show", "last", "--json").json["ranks"])
    assert processes.run(*words, "3").returncode == 3
    shown = invoke("show", "last").out
    assert "\n             1: node 0, " in shown
    assert ", exit code 3, failed first\n" in shown
    assert ", parameter server, exit code 143 (SIGTERM)\n" in shown


def test_a_rerun_has_the_same_processes(four: Path, invoke: Invoke) -> None:
    processes.run("submit", "-f", *GLOO, "train.py")
    again = processes.run("rerun", "-f", "last")
    assert again.returncode == 0, again.stderr
    assert "[rank 3] trained 3 of 4\n" in again.stdout
    processes.run("submit", "-f", "--user-managed", *GLOO[1:-1], "1", "train.py")
    said = invoke("diff", "@2", "last").out
    assert "processes_per_node" in said
    assert "process_count" in said


# What is asked for


@pytest.mark.parametrize(
    ("words", "launcher", "counts", "distribution"),
    [
        (["--distributed", "mpi", "--processes", 3], "mpi", (1, 3), {"process_count": 3}),
        (["--distributed", "mpi", "--nodes", 2], "mpi", (2, 1), {"process_count": 2}),
        (
            ["--distributed", "NCCL", "--nodes", 2, "--processes", 4],
            "pytorch",
            (2, 4),
            {"process_count": 8, "backend": "nccl"},
        ),
        (
            ["--distributed", "ps", "--workers", 3, "--nodes", 2],
            "tensorflow",
            (2, 2),
            {"process_count": 4, "parameter_servers": 1},
        ),
        (
            ["--workers", 2, "--parameter-servers", 0],
            "tensorflow",
            (1, 2),
            {"process_count": 2},
        ),
        (
            ["--distributed", "parallel", "--processes", 3],
            "parallel",
            (1, 3),
            {"process_count": 3},
        ),
    ],
)
def test_the_options_make_a_plan(
    project: Path,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    *,
    words: list[object],
    launcher: str,
    counts: tuple[int, int],
    distribution: dict[str, object],
) -> None:
    if launcher == "mpi":
        program = str(mpi_program.make(project.parent / "mpi"))
        monkeypatch.setenv("RUNYARD_MPI", program)
        distribution = {**distribution, "runtime": "mpich", "mpiexec": program}
    (project / "train.py").write_text("")
    said = invoke("submit", "--plan", "--json", "--user-managed", *words, "train.py")
    spec = said.json["spec"]
    assert spec["launcher"] == launcher
    assert (spec["node_count"], spec["processes_per_node"]) == counts
    assert {key: value for key, value in spec["distribution"].items() if value} == distribution


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--nodes", 2],
            "--nodes says how many, not how they talk; add --distributed mpi, gloo, nccl, ps or "
            "parallel",
        ),
        (["--processes", 2], "--processes says how many, not how they talk; add --distributed"),
        (
            ["--distributed", "gloo", "--workers", 2],
            "--workers is for --distributed ps; give --processes, those on each node",
        ),
        (
            ["--distributed", "ps", "--processes", 2],
            "--processes is not for --distributed ps; give --workers and --parameter-servers",
        ),
        (["--distributed", "smoke"], "'smoke' is not one of 'mpi', 'gloo', 'nccl', 'ps', 'para"),
        (["--nodes", 0], "0 is not in the range x>=1"),
    ],
)
def test_what_does_not_go_together(
    project: Path, invoke: Invoke, words: list[object], text: str
) -> None:
    (project / "train.py").write_text("")
    said = invoke("submit", "--plan", *words, "train.py")
    assert text in said.words
    assert said.code == 2


def test_a_spec_file_has_them_too(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("")
    (project / "job.yml").write_text(
        "script: train.py\nuser_managed: true\ndistributed: gloo\nnode_count: 2\n"
        "process_count_per_node: 3\n"
    )
    spec = invoke("submit", "--plan", "--json", "job.yml").json["spec"]
    assert (spec["node_count"], spec["processes_per_node"]) == (2, 3)
    spec = invoke("submit", "--plan", "--json", "--processes", 1, "job.yml").json["spec"]
    assert (spec["node_count"], spec["processes_per_node"]) == (2, 1)
    (project / "job.yml").write_text("script: train.py\ndistributed: smoke\n")
    said = invoke("submit", "--plan", "job.yml")
    assert "distributed='smoke' is not known; give one of mpi, gloo, nccl, ps, parallel" in said.err
    (project / "job.yml").write_text("script: train.py\nnode_count: two\n")
    assert "node_count is 'two'; give a number" in invoke("submit", "--plan", "job.yml").err


def test_the_plan_says_what_starts_where(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("")
    said = invoke("submit", "--plan", *GLOO, "train.py")
    assert "processes    4 processes on 2 nodes (pytorch)\n" in said.out
    assert "             node 0: ranks 0 to 1\n" in said.out
    assert "             node 1: ranks 2 to 3\n" in said.out
    assert "the 2 nodes are a rehearsal" in said.err
    assert json.loads(invoke("submit", "--plan", "--json", *GLOO, "train.py").out)
    assert not (project / ".runyard").exists()


def test_the_plan_says_where_parameter_servers_are(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("")
    said = invoke("submit", "--plan", "--user-managed", "--workers", 3, "--nodes", 2, "train.py")
    assert "processes    4 processes on 2 nodes (tensorflow)\n" in said.out
    assert "             node 0: ranks 0 to 1\n" in said.out
    assert "             node 1: rank 2, rank 3 as parameter server\n" in said.out


def test_the_plan_of_mpi_says_what_starts_it(project: Path, invoke: Invoke) -> None:
    (project / "train.py").write_text("from mpi4py import MPI\n")
    words = ("--pip", "mpich", "--distributed", "mpi", "--nodes", 2, "--processes", 3)
    said = invoke("submit", "--plan", *words, "train.py")
    assert "processes    6 processes on 2 nodes (mpi)\n" in said.out
    assert "             started by " in said.out
    assert "/bin/mpiexec " in said.out
    assert "launch/agent" in said.out
    assert "             node 1: ranks 3 to 5\n" in said.out


def test_words_are_those_of_the_configurations() -> None:
    assert options.WORDS == ("mpi", "gloo", "nccl", "ps", "parallel")
