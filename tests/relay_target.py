"""A compute target whose runners do not see the workspace: it is hidden from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from runyard.computes import runner_process
from runyard.computes.protocol import Handle, Problem
from runyard.history.targets import TargetState
from runyard.record import events, owner
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership

HIDE = """
import os, subprocess, sys
hidden, *argv = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", hidden], check=True)
os.execv(argv[0], argv)
"""


class FarTarget:
    """Processes of this machine, in a mount namespace where the workspace is an empty folder."""

    shares_disk = False
    started: list[subprocess.Popen[bytes]] = []  # noqa: RUF012

    def check(self, spec: Any) -> list[Problem]:
        """It takes all."""
        return []

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start the far runner; its last words are in a file beside the workspace."""
        hide = ["unshare", "--mount", sys.executable, "-c", HIDE, run.workspace.path]
        with open(os.environ["RUNYARD_TEST_FAR_LOG"], "ab") as log:
            process = subprocess.Popen(
                [*hide, *runner_process.far_command(run)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **secrets},
                start_new_session=True,
            )
        self.started.append(process)
        return {"target": "far", "run": run.path, **owner.identity(process.pid)}

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """By their processes."""
        for process in self.started:
            process.poll()
        gone = [owner.is_alive(handle) is False for handle in handles]
        return [TargetState.GONE if found else TargetState.ALIVE for found in gone]

    def cancel(self, handle: Handle) -> None:
        """Leave a request in the run directory, which is sent on."""
        run = RunDirectory(handle["run"])
        if not events.read_state(run).status.ended and not events.cancel_requested(run):
            events.request(run, "cancel")

    def reap(self, run: RunDirectory) -> None:
        """What a far runner leaves ends with it."""


def kill(handle: Handle) -> None:
    """End the far runner as a crash would."""
    os.kill(handle["pid"], signal.SIGKILL)


def wait(handle: Handle) -> None:
    """Wait for the end of a far runner."""
    for process in FarTarget.started:
        if process.pid == handle["pid"]:
            process.wait(30)
