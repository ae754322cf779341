"""Starting commands on this machine. Imported by the runner before the script starts."""

from __future__ import annotations

import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LocalChannel:
    """The one node of a local run: this machine."""

    nodes: tuple[str, ...] = ("localhost",)

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, so that signals to its group stay there."""
        return subprocess.Popen(
            argv,
            stdin=stdin_fd,
            stdout=log_fd,
            stderr=log_fd,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
