"""A compute target that starts nothing, and a workspace around it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from runyard.computes.protocol import Handle, Problem
from runyard.config.jobspec import JobSpec
from runyard.history.targets import TargetState
from runyard.record import owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.owner import Ownership


class FakeTarget:
    """Notes what it is asked to do. ``problems`` and ``error`` are what it answers."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.error: Exception | None = None
        self.runs: list[RunDirectory] = []
        self.secrets: dict[str, str] = {}
        self.lock_was_held = False
        self.record: dict[str, Any] = {}

    def check(self, spec: JobSpec) -> list[Problem]:
        return self.problems

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        self.lock_was_held = ownership.fd >= 0 and owner.is_held(run.lock)
        self.record = json.loads(Path(run.run_json).read_text())
        if self.error is not None:
            raise self.error
        self.runs.append(run)
        self.secrets = dict(secrets)
        return {"target": "fake", "run": run.path}

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        return [TargetState.ALIVE for _ in handles]

    def cancel(self, handle: Handle) -> None: ...

    def reap(self, run: RunDirectory) -> None: ...


def workspace_in(folder: Path) -> Any:
    """What planning and submission use of a Workspace."""
    return SimpleNamespace(directory=WorkspaceDirectory(str(folder)), name="ws")


def write(folder: Path, *names: str) -> None:
    """Make empty files, and the folders above them."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def content_of(folder: Path) -> dict[str, bytes | str]:
    """Every path below a folder with what it holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }
