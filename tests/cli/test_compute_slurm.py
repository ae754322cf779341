"""``runyard compute`` on a Slurm cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.cli import doctor
from runyard.cli.doctor import slurm as doctor_on_slurm
from runyard.computes.slurm import queue
from runyard.record import events
from tests.cli import processes
from tests.cli.fixtures import Invoke, run_directory
from tests.slurm_cluster import SlurmCluster

UNTIL = "import os, time\nwhile not os.path.exists({!r}): time.sleep(0.01)\nprint('done')\n"


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    queue.forget()


@pytest.fixture
def go(project: Path, tmp_path: Path) -> Iterator[Path]:
    """The project's script ends once it is there."""
    flag = tmp_path / "go"
    (project / "train.py").write_text(UNTIL.format(str(flag)))
    yield flag
    flag.touch()


def test_a_cluster_from_its_attaching_to_its_end(
    invoke: Invoke, project: Path, slurm: SlurmCluster, go: Path
) -> None:
    invoke("init")
    words = ("--partition", "normal", "--sbatch-option=--exclusive", "--tag", "team=vision")
    made = invoke("compute", "attach", "hpc", *words)
    assert made.out.splitlines()[:7] == [
        "target          hpc",
        "cluster         Slurm tests",
        "state           Succeeded",
        "partition       normal",
        "sbatch options  --exclusive",
        f"slurm conf      {slurm.conf}",
        "nodes           3, 3 of them idle, 0 not usable",
    ]
    record = json.loads((project / ".runyard" / "computes" / "hpc.json").read_text())
    assert (record["type"], record["partition"]) == ("Slurm", "normal")
    submit = ("submit", "--json", "--user-managed", "--target", "hpc", "--distributed", "gloo")
    said = invoke(*submit, "--nodes", 3, "train.py")
    first = run_directory(project, said.json["run_id"])
    processes.wait_for(lambda: events.read_state(first).started)
    second = run_directory(project, invoke(*submit, "--nodes", 3, "train.py").json["run_id"])
    queue.forget()
    processes.wait_for(lambda: "Resources" in invoke("runs").out)
    place = "position 1 of 1 in the queue of hpc (Resources: its nodes are not free yet)"
    assert place in invoke("show", second.id).out
    assert invoke("show", second.id, "--json").json["queue"]["why"] == (
        "Resources: its nodes are not free yet"
    )
    shown = invoke("compute", "show", "hpc").out
    assert f"running         {first.id}  Running\n" in shown
    assert f"queue           {second.id}  1  Resources: its nodes are not free yet\n" in shown
    table = invoke("compute", "list").out.splitlines()
    assert table[0].split() == [
        "TARGET",
        "CLUSTER",
        "STATE",
        "PRIORITY",
        "NODES",
        "RUNNING",
        "QUEUED",
    ]
    assert table[1].split() == ["hpc", "Slurm", "Succeeded", "3", "1", "1"]
    assert invoke("cancel", second.id).out == f"{second.id}: Canceled\n"
    go.touch()
    processes.wait_for(lambda: events.read_state(first).ended)
    assert invoke("logs", "--rank", 2, first.id).out.splitlines()[-1] == "done"
    assert invoke("compute", "detach", "hpc").out == "hpc: detached\n"
    gone = invoke("compute", "show", "hpc")
    assert "no compute target named 'hpc'" in gone.err
    assert invoke("show", first.id).code == 0


def test_a_target_is_proved_by_runs_on_it(
    invoke: Invoke, project: Path, slurm: SlurmCluster
) -> None:
    invoke("init")
    invoke("compute", "attach", "hpc")
    said = invoke("compute", "test", "hpc", "--no-mpi")
    assert said.code == 0, said.out
    names = [line.split()[:2] for line in said.out.splitlines()]
    assert names == [
        ["ok", "cluster"],
        ["ok", "run"],
        ["ok", "results"],
        ["ok", "environments"],
        ["ok", "two"],
    ]
    assert "slurm-wlm" in said.out
    assert "3 nodes" in said.out
    assert "log, metric and outputs came back" in said.out
    assert invoke("runs", "-e", "compute-test", "--json").json[0]["status"] == "Completed"


def test_a_target_that_does_not_work_says_what_to_do(
    invoke: Invoke, project: Path, slurm: SlurmCluster, tmp_path: Path
) -> None:
    invoke("init")
    invoke("compute", "attach", "hpc", "--python", str(tmp_path / "python"))
    said = invoke("compute", "test", "hpc", "--json")
    assert said.code == 1
    cluster, run = said.json
    assert (cluster["level"], run["level"], run["name"]) == ("ok", "error", "run")
    assert "the Python of runyard) is not seen on this node" in run["text"]
    assert "see: runyard show compute-test_" in run["advice"]


def test_a_run_that_slurm_refuses_is_a_finding(
    invoke: Invoke, project: Path, slurm: SlurmCluster
) -> None:
    invoke("init")
    invoke("compute", "attach", "hpc", "--constraint", "nothing")
    said = invoke("compute", "test", "hpc", "--json")
    assert said.code == 1
    run = said.json[-1]
    assert (run["level"], run["name"]) == ("error", "run")
    assert "could not be started on 'hpc': sbatch failed: Batch job submission" in run["text"]
    assert "Invalid feature specification; see what nodes have" in run["text"]
    assert run["advice"] == "change its settings: runyard compute attach"


def test_a_target_whose_queue_does_not_move(
    invoke: Invoke, project: Path, slurm: SlurmCluster
) -> None:
    invoke("init")
    invoke("compute", "attach", "hpc", "--sbatch-option=--begin=now+1hour")
    said = invoke("compute", "test", "hpc", "--timeout", 3, "--json")
    run = said.json[1]
    assert run["text"] == (
        "Queued after 3 s, position 1 of 1 in the queue of hpc (BeginTime: its time to begin has "
        "not come); it was cancelled"
    )
    assert run["advice"].startswith("wait longer: --timeout 6; see: runyard show compute-test_")
    assert invoke("runs", "--json").json[0]["status"] == "Canceled"


def test_a_partition_that_is_down_is_said(
    invoke: Invoke, project: Path, slurm: SlurmCluster, go: Path
) -> None:
    go.touch()
    invoke("init")
    invoke("compute", "attach", "hpc", "--partition", "short")
    slurm.ask("scontrol", "update", "PartitionName=short", "State=DOWN")
    try:
        shown = invoke("compute", "show", "hpc").out
        cluster, run = invoke("compute", "test", "hpc", "--timeout", 3, "--json").json
        submit = ("submit", "-f", "--user-managed", "--target", "hpc", "train.py")
        follower = processes.start(*submit)
        assert follower.stderr is not None
        said = follower.stderr.fileno()
        processes.read_until(said, b"(PartitionDown: its partition is down)")
        slurm.ask("scontrol", "update", "PartitionName=short", "State=INACTIVE")
        processes.read_until(
            follower.stderr.fileno(), b"1 of 1 in the queue of hpc (PartitionInactive: "
        )
    finally:
        slurm.ask("scontrol", "update", "PartitionName=short", "State=UP")
    assert follower.communicate()[0] == b"done\n"
    assert "0 not usable; the partition is not up: sinfo --summarize\n" in shown
    assert (cluster["level"], cluster["advice"]) == ("warning", "see: sinfo --summarize")
    assert cluster["text"].endswith("3 nodes in partition short, which is not up")
    assert "PartitionDown: its partition is down" in run["text"]


def test_options_that_sbatch_refuses(invoke: Invoke, project: Path, slurm: SlurmCluster) -> None:
    invoke("init")
    said = invoke("compute", "attach", "hpc", "--sbatch-option=--exclusiv3")
    assert (said.code, "knows no --exclusiv3; did you mean --exclusive" in said.words) == (2, True)
    said = invoke("compute", "attach", "hpc", "--sbatch-option=--nodes=2")
    assert "--nodes is set by runyard; use instead: node_count of the run" in said.words
    assert not (project / ".runyard" / "computes" / "hpc.json").exists()
    invoke("compute", "create", "pool", "--max-nodes", 1)
    said = invoke("compute", "attach", "pool")
    assert (
        "there is a compute target 'pool' already, of type 'AmlCompute'; choose another name, or "
        "delete that one first" in said.words
    )
    said = invoke("compute", "detach", "pool")
    assert "was not attached, so it cannot be detached" in said.words


def test_the_doctor_finds_a_cluster(slurm: SlurmCluster) -> None:
    (found,) = doctor_on_slurm.slurm()
    assert (found.level, found.name) == ("ok", "slurm")
    assert "3 nodes, 3 of them idle" in found.text
    assert doctor_on_slurm.slurm in doctor.CHECKS


def test_the_doctor_without_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = doctor_on_slurm.slurm()
    assert (found.level, found.text) == ("ok", "not here (runs go to this machine)")
    program = tmp_path / "sbatch"
    program.write_text("#!/bin/sh\necho 'Could not establish a configuration source' >&2; exit 1\n")
    program.chmod(0o755)
    (found,) = doctor_on_slurm.slurm()
    assert found == (
        "warning",
        "slurm",
        f"sbatch finds no configuration of Slurm on this machine  {program}",
        "give the target its slurm_conf, or set SLURM_CONF to it",
    )
