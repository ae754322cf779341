from __future__ import annotations

from typing import Any

import pytest

from runyard import launchers
from runyard.launchers.plan import LaunchPlan, Places

NODES = Places(["a", "b"], ["10.0.0.1", "10.0.0.2"], ports=[[4000]])


def planned(places: Places = NODES, **changes: Any) -> LaunchPlan:
    spec = {
        "script": "train.py",
        "arguments": ["--rank", "$RANK"],
        "launcher": "pytorch",
        "processes_per_node": 2,
        "distribution": {"process_count": 3, "backend": "gloo"},
        "environment_variables": {},
        **changes,
    }
    launcher = launchers.load("pytorch")
    assert launcher.ports(spec) == (1,)
    return launcher.plan(spec, places, "/e/python")


def test_ranks_of_a_node_are_next_to_each_other() -> None:
    found = [(p.rank, p.node, p.local_rank, p.log) for p in planned().processes]
    assert found == [
        (0, 0, 0, "std_log_process_0.txt"),
        (1, 0, 1, "std_log_process_1.txt"),
        (2, 1, 0, "std_log_process_2.txt"),
    ]


def test_the_variables_of_a_process_on_another_node() -> None:
    process = planned().processes[2]
    assert process.argv[0] == "/e/python"
    assert process.argv[1].endswith("/runyard/job/mpi_main.py")
    assert process.argv[2:] == ("train.py", "--rank", "$RANK")
    assert process.env == {
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "4000",
        "WORLD_SIZE": "3",
        "RANK": "2",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "NODE_RANK": "1",
        "AZ_BATCHAI_PYTORCH_INIT_METHOD": "tcp://10.0.0.1:4000",
        "AZ_BATCHAI_TASK_INDEX": "2",
        "AZ_BATCH_MASTER_NODE": "10.0.0.1:4000",
        "AZ_BATCHAI_MPI_MASTER_NODE": "10.0.0.1",
        "AZ_BATCH_HOST_LIST": "10.0.0.1,10.0.0.2",
        "AZ_BATCH_NODE_LIST": "10.0.0.1;10.0.0.2",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false",
    }


@pytest.mark.parametrize(("own", "given"), [({}, "lo"), ({"GLOO_SOCKET_IFNAME": "eth1"}, None)])
def test_gloo_stays_on_one_machine_unless_the_user_says_otherwise(
    own: dict[str, str], given: str | None
) -> None:
    here = Places(["localhost"], ["127.0.0.1"], ports=[[4000]])
    process = planned(here, environment_variables=own).processes[0]
    assert process.env.get("GLOO_SOCKET_IFNAME") == given
