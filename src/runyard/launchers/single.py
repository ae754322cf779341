"""One process on one node: the ordinary run."""

from __future__ import annotations

from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


_MPI = ("Mpi", "IntelMpi", "OpenMpi")
_ONE_RANK = {
    "OMPI_COMM_WORLD_RANK": "0",
    "OMPI_COMM_WORLD_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
}


class SingleLauncher:
    """Starts the script, or the command, once on the first node."""

    def plan(self, spec: Mapping[str, Any], nodes: Sequence[str], python: str) -> LaunchPlan:
        """The one process of the run; its log is std_log.txt.

        Where it is an MPI job of one rank, it finds the variables of that (spec 7).
        """
        env = _ONE_RANK if spec.get("communicator") in _MPI else {}
        return LaunchPlan([Process(0, command_line(spec, python), env, "std_log.txt")])


def command_line(spec: Mapping[str, Any], python: str) -> list[str]:
    """The argv of one process of a run.

    A ``command`` given as text is the user's own shell text and goes to a shell; a list is an
    argv. A script ending in ``.sh`` runs under bash, any other under the run's Python.
    """
    command = spec.get("command")
    if isinstance(command, str):
        return ["bash", "-c", command]
    if command:
        return [str(part) for part in command]
    script = str(spec["script"])
    interpreter = "bash" if script.endswith(".sh") else python
    return [interpreter, script, *(str(argument) for argument in spec.get("arguments") or ())]
