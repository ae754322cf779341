"""What no pool takes, wherever its nodes are: more nodes than it has, and runs while it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.protocol import Problem
from runyard.errors import ComputeTargetException

if TYPE_CHECKING:
    from collections.abc import Mapping


def max_nodes(record: Mapping[str, Any]) -> int:
    """At most so many nodes are taken at once."""
    return int(record.get("max_nodes") or 0)


def problems(record: Mapping[str, Any], spec: Any) -> list[Problem]:
    """What of a spec a pool cannot do, by its record alone."""
    found = []
    name, most = record["name"], max_nodes(record)
    if record.get("state") == DELETING:
        message = f"{name!r} is being deleted and takes no more runs; give another one"
        found.append(Problem("compute_target", message))
    if spec.node_count > most:
        nodes = "1 node" if spec.node_count == 1 else f"{spec.node_count} nodes"
        message = (
            f"{nodes}: {name!r} has at most {most}; "
            f"raise it: runyard compute update {name} --max-nodes {spec.node_count}"
        )
        found.append(Problem("node_count", message))
    return found


def most_nodes(folder: PoolFolder) -> int:
    """How many nodes the pool has by now. Raises ComputeTargetException for one that goes."""
    record = folder.record()
    if record.get("state") == DELETING:
        raise ComputeTargetException(
            f"compute target {folder.name!r} is being deleted and takes no more runs; give "
            "another one"
        )
    return max_nodes(record)
