"""Starting commands on this machine. Imported by the runner before the script starts."""

from __future__ import annotations

from runyard.computes import spawning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.channels import Command
    from runyard.computes.spawning import Started
    from runyard.record.layout import RunDirectory


class LocalChannel:
    """The one node of a local run: this machine."""

    nodes: tuple[str, ...] = ("localhost",)
    addresses: tuple[str, ...] = ("127.0.0.1",)
    notes: tuple[str, ...] = ()

    def __init__(self, spec: Mapping[str, Any], run: RunDirectory) -> None:
        """``spec``: the JobSpec as it stands in run.json."""

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = spawning.DEVNULL,
    ) -> Started:
        """Start a command in a session of its own, so that signals to its group stay there."""
        return spawning.spawn(argv, env, cwd, log_fd, stdin_fd)

    def start_all(
        self, commands: Sequence[Command], env: Mapping[str, str], cwd: str, log_fd: int
    ) -> list[Started]:
        """Start each in a session of its own."""
        return [
            self.start(command.node, command.argv, {**env, **command.env}, cwd, log_fd)
            for command in commands
        ]

    def free_ports(self, counts: Sequence[int]) -> list[list[int]]:
        """Ports that the kernel gave, all different."""
        import _socket  # what socket is made of; that costs 4 ms before the script starts

        found = [[_socket.socket() for _ in range(count)] for count in counts]
        try:
            for one in (one for of_node in found for one in of_node):
                one.bind(("", 0))
            return [[one.getsockname()[1] for one in of_node] for of_node in found]
        finally:
            for one in (one for of_node in found for one in of_node):
                one.close()

    def agent(self, folder: str) -> str:
        """None: there is one node."""
        return ""

    def close(self) -> None:
        """Nothing is left of it."""
