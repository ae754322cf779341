"""Workers and parameter servers that find each other by ``TF_CONFIG``."""

from __future__ import annotations

import heapq
import json
from collections import Counter

from runyard.launchers import entry, nodes
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.launchers.plan import Places


class TensorFlowLauncher:
    """Workers are the first ranks, parameter servers the last; each has a port of its own.

    Parameter servers wait for ever: they are ended when the workers are done. Without any, the
    cluster has workers alone, as ``MultiWorkerMirroredStrategy`` wants it.
    """

    def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
        """One for each process, on its node."""
        counts = Counter(_placed(spec))
        return [counts[node] for node in range(max(counts) + 1)]

    def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
        """One process for each rank, each with a log of its own."""
        argv, python_path = entry.of_rank(spec, python), entry.python_path(spec)
        placed, of_all = _placed(spec), entry.variables(spec, python)
        locals_ = _local_ranks(placed)
        hosts = [
            f"{places.addresses[node]}:{places.ports[node][local]}"
            for node, local in zip(placed, locals_, strict=True)
        ]
        workers = _workers(spec)
        cluster = {"worker": hosts[:workers], "ps": hosts[workers:]}
        return LaunchPlan(
            [
                Process(
                    node,
                    argv,
                    {
                        **of_all,
                        **_variables(cluster, rank, workers),
                        **nodes.variables(places, node, places.ports[0][0]),
                    },
                    f"std_log_process_{rank}.txt",
                    python_path,
                    rank=rank,
                    local_rank=locals_[rank],
                    serves=rank >= workers,
                )
                for rank, node in enumerate(placed)
            ]
        )


def _variables(cluster: Mapping[str, list[str]], rank: int, workers: int) -> dict[str, str]:
    """What one process finds (spec 7, Appendix A); the old names are those of Batch AI."""
    kind, index = ("worker", rank) if rank < workers else ("ps", rank - workers)
    config = {
        "cluster": {name: hosts for name, hosts in cluster.items() if hosts},
        "task": {"type": kind, "index": index},
        "environment": "cloud",
    }
    return {
        "TF_CONFIG": json.dumps(config),
        "AZ_BATCHAI_WORKER_HOSTS": ",".join(cluster["worker"]),
        "AZ_BATCHAI_PS_HOSTS": ",".join(cluster["ps"]),
        "AZ_BATCHAI_JOB_NAME": kind,
        "AZ_BATCHAI_TASK_TYPE": kind,
        "AZ_BATCHAI_TASK_INDEX": str(index),
    }


def _workers(spec: Mapping[str, Any]) -> int:
    return nodes.process_count(spec) - int(spec["distribution"]["parameter_servers"])


def _placed(spec: Mapping[str, Any]) -> list[int]:
    """The node of every process: workers evenly, then each server where the fewest run."""
    count, workers = int(spec["node_count"]), _workers(spec)
    placed = [worker * count // workers for worker in range(workers)]
    counts = Counter(placed)
    room = [(counts[node], node) for node in range(count)]
    heapq.heapify(room)
    for _ in range(workers, nodes.process_count(spec)):
        taken, node = room[0]
        placed.append(node)
        heapq.heapreplace(room, (taken + 1, node))
    return placed


def _local_ranks(placed: list[int]) -> list[int]:
    """The number of every process among those of its node."""
    before: Counter[int] = Counter()
    found = []
    for node in placed:
        found.append(before[node])
        before[node] += 1
    return found
