"""What is read from squeue and sacct."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.computes.slurm import addresses, nodes, queue, whys
from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.errors import ComputeTargetException

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a program of Slurm on PATH that is a shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    return write


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    queue.forget()


def test_one_call_for_many_jobs(program: Program, tmp_path: Path) -> None:
    lines = (
        "7|RUNNING|1795340871|10|gpu|n[1-2]|None|exp_1\n8|PENDING|1795340872|9|gpu||Resources|a|b"
    )
    program("squeue", f"echo \"$@\" >>{tmp_path}/calls; printf '{lines}\\n'")
    found = queue.listed(Slurm(), [(str(number), "a") for number in range(200)])
    assert found["7"] == queue.Known(
        "7", "RUNNING", 1795340871.0, "exp_1", "None", "n[1-2]", 10, "gpu"
    )
    assert found["8"].name == "a|b"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    numbers = ",".join(sorted(str(number) for number in range(200)))
    assert f"--jobs={numbers} --states=all" in call


def test_a_job_that_is_forgotten_is_no_error(program: Program) -> None:
    program("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert queue.listed(Slurm(), [("7", "a")]) == {}


def test_a_controller_that_does_not_answer(program: Program) -> None:
    text = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    program("squeue", f"echo '{text}' >&2; exit 1")
    with pytest.raises(SlurmError) as caught:
        queue.listed(Slurm(), [("7", "a")])
    assert caught.value.silent
    assert caught.value.message == f"squeue failed: {text}; see whether it is up: scontrol ping"


def test_a_program_that_hangs_is_not_waited_for(program: Program) -> None:
    program("squeue", "exec sleep 60")
    with pytest.raises(SlurmError) as caught:
        Slurm().run("squeue", timeout_s=0.2)
    assert caught.value.silent
    assert caught.value.message == "squeue has not answered within 0 s; see: scontrol ping"


def test_slurm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SlurmError) as caught:
        Slurm().run("squeue")
    assert not caught.value.silent
    assert caught.value.message == (
        "there is no program 'squeue' on PATH: work on a login node of the cluster, or install "
        "Slurm's commands here (Debian: apt-get install slurm-client)"
    )


def test_the_accounting_says_what_became_of_forgotten_jobs(program: Program) -> None:
    program("sacct", "printf '7|CANCELLED by 0|1795340871|0:15|0:0|n1|exp_1\\n'")
    known = queue.accounted(Slurm(), ["7"])["7"]
    assert (known.state, known.reason, known.nodes) == ("CANCELLED", "CANCELLED by 0", "n1")
    assert known.name == "exp_1"


def test_without_accounting_nothing_is_known(program: Program) -> None:
    program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert queue.accounted(Slurm(), ["7"]) == {}


def test_variables_of_a_job_are_not_handed_on() -> None:
    given = {"SLURM_JOB_ID": "1", "SLURM_CONF": "/a", "SBATCH_ACCOUNT": "x", "HOME": "/root"}
    assert Slurm().variables(given) == {
        "SLURM_CONF": "/a",
        "SBATCH_ACCOUNT": "x",
        "HOME": "/root",
    }
    assert Slurm("/b").variables(given)["SLURM_CONF"] == "/b"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Priority", "Priority: other jobs come first"),
        ("(Resources)", "Resources: its nodes are not free yet"),
        (
            "ReqNodeNotAvail, UnavailableNodes:n1",
            "ReqNodeNotAvail, UnavailableNodes:n1: a node that it needs is not available",
        ),
        ("None", "Slurm has not looked at it yet"),
        (
            "(PartitionConfig)",
            "PartitionConfig: its partition does not allow what it asks for, or has no such nodes",
        ),
        (
            "PartitionTimeLimit",
            "PartitionTimeLimit: it asks for more time than its partition allows: its limit and 4 "
            "minutes or so",
        ),
        ("SomethingNew", "SomethingNew"),
        ("", ""),
    ],
)
def test_why_a_job_waits(reason: str, words: str) -> None:
    assert whys.waiting(reason) == words


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            ["invalid partition specified: gup", "Batch job submission failed: no"],
            "invalid partition specified: gup; Batch job submission failed: no; see the partitions "
            "there are: sinfo --summarize; attach it with another",
        ),
        (
            ["Invalid account or account/partition combination specified"],
            "Invalid account or account/partition combination specified; see yours: sacctmgr show "
            "assoc user=$USER; attach it with that --account",
        ),
        (
            ["Invalid qos specification"],
            "Invalid qos specification; see yours: sacctmgr show assoc user=$USER; attach it with "
            "that --qos",
        ),
        (
            ["Invalid feature specification"],
            "Invalid feature specification; see what nodes have: sinfo --format='%N %f'; attach it "
            "with that --constraint",
        ),
        (
            ["Memory specification can not be satisfied"],
            "Memory specification can not be satisfied; use a smaller vm_size (runyard compute "
            "sizes), or attach with --no-memory",
        ),
        (
            ["Requested node configuration is not available"],
            "Requested node configuration is not available; no node has so much: use a smaller "
            "vm_size",
        ),
        (
            ["Required partition not available (inactive or drain)"],
            "Required partition not available (inactive or drain); an administrator has closed it: "
            "sinfo --summarize",
        ),
        (["Some plug-in of the site"], "Some plug-in of the site"),
    ],
)
def test_what_sbatch_refuses_says_what_to_do(
    program: Program, said: list[str], message: str
) -> None:
    program("sbatch", "".join(f"echo 'sbatch: error: {line}' >&2\n" for line in said) + "exit 1")
    with pytest.raises(SlurmError) as caught:
        Slurm().run("sbatch", "x.sh")
    assert caught.value.message == f"sbatch failed: {message}"


def test_a_partition_that_is_not_there_is_refused(program: Program) -> None:
    program("sinfo", "printf 'normal\nlow\nnormal\n'")
    nodes.check_partitions(Slurm(), {"partition": "low,normal", "lowpriority_partition": "low"})
    nodes.check_partitions(Slurm(), {})
    with pytest.raises(ComputeTargetException) as caught:
        nodes.check_partitions(Slurm(), {"partition": "normal", "lowpriority_partition": "loww"})
    assert caught.value.message == (
        "lowpriority_partition='loww': the cluster has no partition 'loww'; its partitions are "
        "low, normal (sinfo --summarize)"
    )
    program("sinfo", "exit 1")
    nodes.check_partitions(Slurm(), {"partition": "nromal"})  # described where nobody can be asked


def test_a_partition_that_is_down(program: Program) -> None:
    for word, is_up in (("up", True), ("down", False), ("inact", False)):
        program("sinfo", f"echo {word}")
        assert nodes.is_up(Slurm(), "normal") is is_up


def test_addresses_of_nodes_whose_names_do_not_resolve(program: Program) -> None:
    lines = (
        "NodeName=n1 Arch=x86 NodeAddr=10.0.0.1 NodeHostName=a\\nNodeName=n2 NodeAddr=10.0.0.2 X=1"
    )
    program("scontrol", f"[ \"$*\" = 'show node --oneliner n1,n2' ] && printf '{lines}\\n'")
    found = addresses.of(["n1", "localhost", "n2"], lambda name: name == "localhost")
    assert found == ("10.0.0.1", "localhost", "10.0.0.2")
