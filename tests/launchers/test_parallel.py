from __future__ import annotations

from runyard import launchers
from tests.launchers.nodes import places


def test_workers_of_every_node() -> None:
    spec = {
        "script": "work.py",
        "arguments": [],
        "processes_per_node": 2,
        "distribution": {"process_count": 4, "max_retries": 3, "terminal_exit_codes": [2, 40]},
        "environment_variables": {},
    }
    launcher = launchers.load("parallel")
    processes = launcher.plan(spec, places(launcher.ports(spec)), "/e/python").processes
    assert [(p.rank, p.node, p.local_rank) for p in processes] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 0),
        (3, 1, 1),
    ]
    assert processes[3].env == {
        "RUNYARD_RETRIES": "3",
        "RUNYARD_TERMINAL_EXIT_CODES": "2 40",
        "AZ_BATCHAI_TASK_INDEX": "3",
        "AZ_BATCH_MASTER_NODE": "10.0.0.1:4000",
        "AZ_BATCHAI_MPI_MASTER_NODE": "10.0.0.1",
        "AZ_BATCH_HOST_LIST": "10.0.0.1,10.0.0.2",
        "AZ_BATCH_NODE_LIST": "10.0.0.1;10.0.0.2",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "false",
    }
