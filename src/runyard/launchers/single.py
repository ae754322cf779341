"""One process on one node: the ordinary run."""

from __future__ import annotations

from runyard.launchers import entry
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.launchers.plan import Places

_MPI = ("mpi", "intelmpi", "openmpi")
_ONE_RANK = {
    "OMPI_COMM_WORLD_RANK": "0",
    "OMPI_COMM_WORLD_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
    # mpi4py over another MPI takes them for a mistake, and warns of it in the log.
    "MPI4PY_CHECK_MPIEXEC": "0",
}


class SingleLauncher:
    """Starts the script, or the command, once on the first node."""

    def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
        """None: nobody has to find it."""
        return ()

    def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
        """The one process of the run; its log is std_log.txt.

        Where it is an MPI job of one rank, it finds the variables of that (spec 7).
        """
        env = _ONE_RANK if str(spec.get("communicator")).lower() in _MPI else {}
        env = {**env, **entry.variables(spec, python)}
        argv = entry.command_line(spec, python)
        return LaunchPlan([Process(0, argv, env, "std_log.txt", entry.python_path(spec))])
