"""What every launcher returns: the processes of a run, resolved."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    class Launcher(Protocol):
        """How a run's processes start on its nodes."""

        def plan(self, spec: Mapping[str, Any], nodes: Sequence[str], python: str) -> LaunchPlan:
            """Argv, variables and log of every process; pure.

            ``spec`` is the JobSpec as it stands in run.json, ``nodes`` the names of the places
            the target gave, ``python`` the interpreter of the run's environment.
            """
            ...


class Process:
    """One process to start.

    ``node``: index of its node; ``argv``: program and arguments, in which ``$NAME`` is still to
    be expanded; ``env``: variables of its own beside the run's; ``log``: file name under
    user_logs/ for its stdout and stderr;
    ``python_path``: folders of the working directory to put on PYTHONPATH, '.' for itself.
    """

    __slots__ = ("argv", "env", "log", "node", "python_path")

    def __init__(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: str,
        python_path: Sequence[str] = (),
    ) -> None:
        self.node = node
        self.argv = tuple(argv)
        self.env = dict(env)
        self.log = log
        self.python_path = tuple(python_path)


class LaunchPlan:
    """All processes of a run, in the order of their start."""

    __slots__ = ("processes",)

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = tuple(processes)
