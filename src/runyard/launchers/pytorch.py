"""Processes that meet as those of ``torch.distributed`` do: gloo and nccl."""

from __future__ import annotations

from runyard.launchers import entry, nodes
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.launchers.nodes import Seat
    from runyard.launchers.plan import Places


class PyTorchLauncher:
    """Starts every rank with the variables of ``init_method='env://'`` (spec 7).

    All GPUs of a node are seen by all its ranks: a script picks its own by LOCAL_RANK, and would
    pick a missing one where it saw only that.
    """

    def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
        """One on the first node, where the ranks meet."""
        return (1,)

    def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
        """One process for each rank, each with a log of its own."""
        argv, python_path = entry.of_rank(spec, python), entry.python_path(spec)
        of_all = {**entry.variables(spec, python), **_interface(spec, places)}
        total = nodes.process_count(spec)
        return LaunchPlan(
            [
                Process(
                    seat.node,
                    argv,
                    {**of_all, **_variables(seat, places, total)},
                    f"std_log_process_{seat.rank}.txt",
                    python_path,
                    rank=seat.rank,
                    local_rank=seat.local_rank,
                )
                for seat in nodes.seats(spec)
            ]
        )


def _variables(seat: Seat, places: Places, total: int) -> dict[str, str]:
    address, port = places.addresses[0], places.ports[0][0]
    return {
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(total),
        "RANK": str(seat.rank),
        "LOCAL_RANK": str(seat.local_rank),
        "LOCAL_WORLD_SIZE": str(seat.local_size),
        "NODE_RANK": str(seat.node),
        # What scripts of the estimators' time pass on: --dist-url and --rank.
        "AZ_BATCHAI_PYTORCH_INIT_METHOD": f"tcp://{address}:{port}",
        "AZ_BATCHAI_TASK_INDEX": str(seat.rank),
        **nodes.variables(places, seat.node, port),
    }


def _interface(spec: Mapping[str, Any], places: Places) -> dict[str, str]:
    """On one machine gloo need not find an interface by a host name that may lead nowhere."""
    name = "GLOO_SOCKET_IFNAME"
    here = all(address.startswith("127.") for address in places.addresses)
    return {name: "lo"} if here and name not in spec["environment_variables"] else {}
