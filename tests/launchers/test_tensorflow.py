from __future__ import annotations

import json
from typing import Any

import pytest

from runyard import launchers
from runyard.launchers.plan import Process
from tests.launchers.nodes import places


def planned(workers: int, servers: int, nodes: int = 1) -> tuple[Process, ...]:
    total = workers + servers
    spec: dict[str, Any] = {
        "script": "train.py",
        "arguments": [],
        "node_count": nodes,
        "processes_per_node": -(-total // nodes),
        "distribution": {"process_count": total, "parameter_servers": servers},
        "environment_variables": {},
    }
    launcher = launchers.load("tensorflow")
    return launcher.plan(spec, places(launcher.ports(spec), nodes), "/e/python").processes


def test_the_variables_of_a_worker_and_of_a_parameter_server() -> None:
    worker, server = planned(2, 1, nodes=2)[1:]
    cluster = {"worker": ["10.0.0.1:4000", "10.0.0.2:4000"], "ps": ["10.0.0.1:4001"]}
    common = {
        "AZ_BATCHAI_WORKER_HOSTS": "10.0.0.1:4000,10.0.0.2:4000",
        "AZ_BATCHAI_PS_HOSTS": "10.0.0.1:4001",
        "AZ_BATCH_MASTER_NODE": "10.0.0.1:4000",
        "AZ_BATCHAI_MPI_MASTER_NODE": "10.0.0.1",
        "AZ_BATCH_HOST_LIST": "10.0.0.1,10.0.0.2",
        "AZ_BATCH_NODE_LIST": "10.0.0.1;10.0.0.2",
    }
    assert json.loads(worker.env.pop("TF_CONFIG")) == {
        "cluster": cluster,
        "task": {"type": "worker", "index": 1},
        "environment": "cloud",
    }
    assert worker.env == {
        **common,
        "AZ_BATCHAI_JOB_NAME": "worker",
        "AZ_BATCHAI_TASK_TYPE": "worker",
        "AZ_BATCHAI_TASK_INDEX": "1",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false",
    }
    assert json.loads(server.env.pop("TF_CONFIG"))["task"] == {"type": "ps", "index": 0}
    assert server.env == {
        **common,
        "AZ_BATCHAI_JOB_NAME": "ps",
        "AZ_BATCHAI_TASK_TYPE": "ps",
        "AZ_BATCHAI_TASK_INDEX": "0",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "true",
    }
    assert (worker.serves, server.serves) == (False, True)


def test_workers_alone_have_no_parameter_servers_in_their_cluster() -> None:
    config = json.loads(planned(2, 0)[0].env["TF_CONFIG"])
    assert config["cluster"] == {"worker": ["10.0.0.1:4000", "10.0.0.1:4001"]}


@pytest.mark.parametrize(
    ("workers", "servers", "nodes", "placed"),
    [
        (2, 1, 1, [0, 0, 0]),
        (2, 1, 2, [0, 1, 0]),
        (2, 1, 3, [0, 1, 2]),
        (3, 1, 2, [0, 0, 1, 1]),
        (2, 2, 2, [0, 1, 0, 1]),
        (4, 1, 3, [0, 0, 1, 2, 1]),
    ],
)
def test_processes_are_spread_over_the_nodes(
    workers: int, servers: int, nodes: int, placed: list[int]
) -> None:
    processes = planned(workers, servers, nodes)
    assert [process.node for process in processes] == placed
    for node in range(nodes):  # ranks there count up, and every process has an address of its own
        there = [process.local_rank for process in processes if process.node == node]
        assert there == list(range(len(there)))
    config = json.loads(processes[0].env["TF_CONFIG"])["cluster"]
    assert len({*config["worker"], *config.get("ps", ())}) == workers + servers
