"""What every launcher returns: the processes of a run, resolved."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    class Launcher(Protocol):
        """How a run's processes start on its nodes."""

        def ports(self, spec: Mapping[str, Any]) -> Sequence[int]:
            """How many free ports the plan needs on each node; of nodes left out none."""
            ...

        def plan(self, spec: Mapping[str, Any], places: Places, python: str) -> LaunchPlan:
            """Argv, variables and log of every process; pure.

            ``spec`` is the JobSpec as it stands in run.json, ``places`` what the target gave,
            ``python`` the interpreter of the run's environment.
            """
            ...


class Places:
    """The nodes a target gave.

    ``nodes``: their names; ``addresses``: by which processes on the others reach each;
    ``ports``: free ports of each node, as many as ``Launcher.ports`` asked for; ``agent``: a
    program to be called as ``AGENT HOST COMMAND...``, as rsh is: it runs a shell command on the
    node of that name ('' where there is one node only). ``folder``: where files of the launch
    may be written, seen by all nodes.
    """

    __slots__ = ("addresses", "agent", "folder", "nodes", "ports")

    def __init__(
        self,
        nodes: Sequence[str],
        addresses: Sequence[str],
        *,
        ports: Sequence[Sequence[int]] = (),
        agent: str = "",
        folder: str = "",
    ) -> None:
        self.nodes = tuple(nodes)
        self.addresses = tuple(addresses)
        self.ports = tuple(tuple(of_node) for of_node in ports)
        self.agent = agent
        self.folder = folder


class Process:
    """One process to start.

    ``rank``: its number among all; ``node``: index of its node; ``local_rank``: its number among
    those of the node; ``argv``: program and arguments, in which ``$NAME`` is still to be expanded;
    ``env``: variables of its own beside the run's; ``log``: file name under user_logs/ for its
    stdout and stderr; ``python_path``: folders of the working directory to put on PYTHONPATH, '.'
    for itself. ``serves``: it is ended when all that do not serve have ended (parameter servers).
    """

    __slots__ = ("argv", "env", "local_rank", "log", "node", "python_path", "rank", "serves")

    def __init__(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: str,
        python_path: Sequence[str] = (),
        *,
        rank: int = 0,
        local_rank: int = 0,
        serves: bool = False,
    ) -> None:
        self.node = node
        self.argv = tuple(argv)
        self.env = dict(env)
        self.log = log
        self.python_path = tuple(python_path)
        self.rank = rank
        self.local_rank = local_rank
        self.serves = serves


class LaunchPlan:
    """All processes of a run, in the order of their ranks.

    ``starter``: a command that starts them all by itself (``mpiexec``), run once on the first
    node; None where the runner starts each. Its ``log`` is a file name under system_logs/.
    """

    __slots__ = ("processes", "starter")

    def __init__(self, processes: Sequence[Process], starter: Process | None = None) -> None:
        self.processes = tuple(processes)
        self.starter = starter
