"""MPI: ``mpiexec`` of the run's own runtime starts all ranks, without ssh."""

from __future__ import annotations

import os

from runyard.launchers import entry, nodes
from runyard.launchers.mpi_runtimes import Job, starter
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.launchers.plan import Places

_HERE = os.path.dirname(os.path.abspath(__file__))
RANK = ("sh", os.path.join(_HERE, "mpi_rank.sh"))
"""What every rank runs under."""

_EXPAND = ("sh", os.path.join(_HERE, "expand.sh"))
LOG = "mpi.txt"


class MpiLauncher:
    """Starts ``mpiexec`` on the first node; daemons on others come through the target's agent."""

    def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
        """One on the first node: scripts meet there by MASTER_PORT, MPI itself needs none."""
        return (1,)

    def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
        """All ranks, and the command that starts them."""
        argv, folders = rank_argv(spec, python), entry.python_path(spec)
        ranks = [
            Process(
                seat.node,
                argv,
                {},
                f"std_log_process_{seat.rank}.txt",
                folders,
                rank=seat.rank,
                local_rank=seat.local_rank,
            )
            for seat in nodes.seats(spec)
        ]
        job = Job(_mpiexec(spec, python), len(ranks), int(spec["processes_per_node"]), places)
        command, of_runtime = starter(spec["distribution"]["runtime"], job)
        own = {
            **{n: v for n, v in of_runtime.items() if n not in spec["environment_variables"]},
            **entry.variables(spec, python),
            **_variables(spec, places),
        }
        return LaunchPlan(ranks, Process(0, [*command, *RANK, *argv], own, LOG, folders))


def _mpiexec(spec: Mapping[str, Any], python: str) -> str:
    given = spec["distribution"]
    if given["mpiexec"]:
        return str(given["mpiexec"])
    # In an image the folder of the interpreter is the first on PATH.
    return os.path.join(os.path.dirname(python), "mpiexec") if given["runtime"] else "mpiexec"


def rank_argv(spec: Mapping[str, Any], python: str) -> list[str]:
    """The program of every rank and its arguments.

    A rank that raises would else wait in MPI_Finalize for the others, and they for it.
    """
    argv = entry.of_rank(spec, python)
    is_shell_text = isinstance(spec.get("command"), str)
    if not is_shell_text and any("$" in part for part in argv):
        argv = [*_EXPAND, *argv]
    return argv


def _variables(spec: Mapping[str, Any], places: Places) -> dict[str, str]:
    """Of all ranks; rank.sh adds what differs (spec 7)."""
    address, port = places.addresses[0], places.ports[0][0]
    of_all = nodes.variables(places, 0, port)
    del of_all["AZ_BATCH_IS_CURRENT_NODE_MASTER"]
    return {
        **of_all,
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "RUNYARD_PROCESSES_PER_NODE": str(spec["processes_per_node"]),
    }
