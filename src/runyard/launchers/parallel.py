"""Processes that know nothing of each other: ``ParallelTaskConfiguration``."""

from __future__ import annotations

from runyard.launchers import entry, nodes
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.launchers.plan import Places


class ParallelLauncher:
    """Starts so many workers on each node, and those that fail again (see rank.sh)."""

    def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
        """One on the first node, which workers may use to meet."""
        return (1,)

    def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
        """One process for each worker; it knows which it is by AZ_BATCHAI_TASK_INDEX."""
        argv, python_path = entry.command_line(spec, python), entry.python_path(spec)
        distribution = spec["distribution"]
        of_all = {
            **entry.variables(spec, python),
            "RUNYARD_RETRIES": str(distribution["max_retries"]),
            "RUNYARD_TERMINAL_EXIT_CODES": " ".join(map(str, distribution["terminal_exit_codes"])),
        }
        port = places.ports[0][0]
        return LaunchPlan(
            [
                Process(
                    seat.node,
                    argv,
                    {
                        **of_all,
                        **nodes.variables(places, seat.node, port),
                        "AZ_BATCHAI_TASK_INDEX": str(seat.rank),
                    },
                    f"std_log_process_{seat.rank}.txt",
                    python_path,
                    rank=seat.rank,
                    local_rank=seat.local_rank,
                )
                for seat in nodes.seats(spec)
            ]
        )
