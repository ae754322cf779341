"""What a compute target promises. ``runyard.testing`` has the suite that checks it.

A target decides only *where* a run's runner starts; the runner is the same program everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runyard.history import targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.computes.channels import Command
    from runyard.computes.spawning import Started

Handle = dict[str, Any]
"""What a target needs to find a run it started again; JSON, kept in ``handle.json``."""


class Problem(NamedTuple):
    """Something of a spec that a target cannot do.

    ``parameter``: its name as the user wrote it; ``message``: why, and what to do.
    """

    parameter: str
    message: str


class ComputeTarget(targets.ComputeTarget, Protocol):
    """Where a run runs: what history asks of a target, and what planning asks."""

    def check(self, spec: Any) -> list[Problem]:
        """What of this JobSpec the target cannot do; empty when it can. Starts nothing."""
        ...


class NodeChannel(Protocol):
    """Inside the runner: a way to start commands on the nodes a target gave.

    ``nodes``: their names; ``addresses``: by which processes on other nodes reach each; ``notes``:
    what the user should know of them, in sentences.
    """

    nodes: tuple[str, ...]
    addresses: tuple[str, ...]
    notes: tuple[str, ...]

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = ...,
    ) -> Started:
        """Start a command on node ``node`` with stdout and stderr in order to ``log_fd``.

        ``stdin_fd``: an open file that it reads; by default its standard input is empty.
        Raises OSError when it cannot be started.
        """
        ...

    def start_all(
        self, commands: Sequence[Command], env: Mapping[str, str], cwd: str, log_fd: int
    ) -> list[Started]:
        """Start commands on their nodes, with ``env`` and what each adds to it.

        Returns the processes to wait for and to signal, at most one for each command: on a
        cluster one for all, which hands signals on. ``log_fd``: for what the target itself has to
        say, and for what commands write that do not redirect their output.
        """
        ...

    def free_ports(self, counts: Sequence[int]) -> list[list[int]]:
        """So many ports on each node that nobody listens on now; of nodes left out none."""
        ...

    def agent(self, folder: str) -> str:
        """A program for ``AGENT HOST COMMAND...`` (as rsh): it runs a shell command on a node.

        It is written into ``folder``, which all nodes see. '' where there is one node only.
        """
        ...

    def close(self) -> None:
        """All processes of the run have ended: leave nothing behind of what it made."""
        ...
