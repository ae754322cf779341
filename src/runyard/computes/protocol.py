"""What a compute target promises. ``runyard.testing`` has the suite that checks it.

A target decides only *where* a run's runner starts; the runner is the same program everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runyard.history import targets

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

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
    """Inside the runner: a way to start commands on the nodes a target gave."""

    nodes: tuple[str, ...]

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = ...,
    ) -> subprocess.Popen[bytes]:
        """Start a command on node ``node`` with stdout and stderr in order to ``log_fd``.

        ``stdin_fd``: an open file that it reads; by default its standard input is empty.
        Raises OSError when it cannot be started.
        """
        ...
