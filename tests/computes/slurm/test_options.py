"""What a run asks of Slurm."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.computes.slurm import options
from runyard.record.layout import RunDirectory
from runyard.testing import runs

GIB = 2**30
RUN = RunDirectory("/data/ws/runs/exp/exp_1_2")


def asked(record: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """What differs from one process that asks for nothing."""
    plain = options.command(RUN, runs.spec(), {})
    found = options.command(RUN, runs.spec(**changes), record or {})
    return [word for word in found if word not in plain]


def test_one_process_that_asks_for_nothing() -> None:
    assert options.command(RUN, runs.spec(), {}) == [
        "--parsable",
        "--job-name=exp_1_2",
        "--chdir=/data/ws/runs/exp/exp_1_2",
        "--output=/data/ws/runs/exp/exp_1_2/system_logs/slurm.txt",
        "--open-mode=append",
        "--export=ALL",
        "--signal=B:USR1@60",
        "--nodes=1",
        "--ntasks-per-node=1",
        "--no-requeue",
    ]


def test_a_machine_size_is_what_each_node_must_have() -> None:
    resources = {"cpus": 6, "memory_bytes": 56 * GIB, "gpus": 1}
    assert asked(resources=resources, node_count=2, processes_per_node=2) == [
        "--nodes=2",
        "--ntasks-per-node=2",
        "--cpus-per-task=3",
        "--mem=57344M",
        "--gpus-per-node=1",
    ]


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (None, "--gpus-per-node=2"),
        ("gpus-per-node:a100", "--gpus-per-node=a100:2"),
        ("gres", "--gres=gpu:2"),
        ("gres:tesla_k80", "--gres=gpu:tesla_k80:2"),
    ],
)
def test_gpus_as_the_site_wants_them(option: str | None, word: str) -> None:
    assert asked({"gpu_option": option}, resources={"gpus": 2}) == [word]


def test_a_site_that_refuses_memory() -> None:
    resources = {"cpus": 2, "memory_bytes": 8 * GIB, "gpus": 0}
    assert asked({"memory": False}, resources=resources) == ["--cpus-per-task=2"]


def test_more_processes_than_processors_have_one_each() -> None:
    assert asked(resources={"cpus": 2}, processes_per_node=4) == [
        "--ntasks-per-node=4",
        "--cpus-per-task=1",
    ]


def test_a_time_limit_leaves_room_for_what_is_around_the_script() -> None:
    assert asked(max_run_duration_s=3600.0, grace_period_s=30.0) == ["--time=64"]


def test_the_limit_that_every_run_has_is_left_to_the_partition() -> None:
    assert asked(max_run_duration_s=2592000.0) == []


def test_where_it_runs_and_what_the_site_adds() -> None:
    record = {
        "partition": "gpu",
        "account": "vision",
        "qos": "high",
        "constraint": "a100&ib",
        "reservation": "course",
        "sbatch_options": ["--hint=nomultithread", "--exclusive"],
    }
    assert asked(record) == [
        "--partition=gpu",
        "--account=vision",
        "--qos=high",
        "--constraint=a100&ib",
        "--reservation=course",
        "--hint=nomultithread",
        "--exclusive",
    ]


def test_low_priority_may_be_preempted_and_begins_again() -> None:
    record = {"partition": "gpu", "qos": "high", "lowpriority_partition": "spot"}
    assert asked(record, vm_priority="lowpriority") == [
        "--partition=spot",
        "--qos=high",
        "--requeue",
    ]


def test_a_run_that_may_be_started_again_is_queued_again() -> None:
    assert asked(max_restarts=2) == ["--requeue"]
    assert asked(max_restarts=0) == []
