"""Which process of a run is on which node, and what all of them are told of the nodes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.launchers.plan import Places


class Seat:
    """Where a process runs: its rank among all, its node, and its rank there of ``local_size``."""

    __slots__ = ("local_rank", "local_size", "node", "rank")

    def __init__(self, rank: int, node: int, local_rank: int, local_size: int) -> None:
        self.rank = rank
        self.node = node
        self.local_rank = local_rank
        self.local_size = local_size


def seats(spec: Mapping[str, Any]) -> list[Seat]:
    """The seats of all ranks, in their order; those of a node are next to each other."""
    total, each = process_count(spec), int(spec["processes_per_node"])
    return [
        Seat(rank, rank // each, rank % each, min(each, total - rank // each * each))
        for rank in range(total)
    ]


def process_count(spec: Mapping[str, Any]) -> int:
    """How many processes the run has on all nodes together."""
    return int(spec["distribution"]["process_count"])


def variables(places: Places, node: int, port: int) -> dict[str, str]:
    """What the processes on a node are told of all nodes (spec 7): the names of Azure Batch.

    ``port``: of the first node, where processes meet.
    """
    address = places.addresses[0]
    return {
        "AZ_BATCH_MASTER_NODE": f"{address}:{port}",
        "AZ_BATCHAI_MPI_MASTER_NODE": address,
        "AZ_BATCH_HOST_LIST": ",".join(places.addresses),
        "AZ_BATCH_NODE_LIST": ";".join(places.addresses),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "true" if node == 0 else "false",
    }
