"""What a compute target promises. ``runyard.testing`` has the suite that checks it.

A target decides only *where* a run's runner starts; the runner is the same program everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.history.targets import TargetState
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership

Handle = dict[str, Any]
"""What a target needs to find a run it started again; JSON, kept in ``handle.json``."""


class Problem(NamedTuple):
    """Something of a spec that a target cannot do.

    ``parameter``: its name as the user wrote it; ``message``: why, and what to do.
    """

    parameter: str
    message: str


class ComputeTarget(Protocol):
    """Where a run runs."""

    def check(self, spec: Any) -> list[Problem]:
        """What of this JobSpec the target cannot do; empty when it can. Starts nothing."""
        ...

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start a runner for the run and return at once.

        ``ownership`` is the run's lock, held by the caller: a target on this machine lets the
        runner inherit it. ``secrets`` are environment variables that must not touch the disk.
        Raises ComputeTargetException or OSError when no runner was started.
        """
        ...

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """Whether the runners live; many at once, answers in the same order."""
        ...

    def cancel(self, handle: Handle) -> None:
        """Ask for the end of a run. Idempotent; nothing happens once it has ended."""
        ...

    def reap(self, run: RunDirectory) -> None:
        """End processes of a run whose runner is gone. Idempotent."""
        ...


class NodeChannel(Protocol):
    """Inside the runner: a way to start commands on the nodes a target gave."""

    nodes: tuple[str, ...]

    def start(
        self, node: int, argv: Sequence[str], env: Mapping[str, str], cwd: str, log_fd: int
    ) -> Any:
        """Start a command on node ``node`` with stdout and stderr in order to ``log_fd``.

        Returns a ``subprocess.Popen``. Raises OSError when it cannot be started.
        """
        ...
