"""Runs made by hand from the run directory's own format: no client code between test and runner.

For tests of compute targets and of the runner. Functions that wait raise AssertionError when what
they wait for does not come.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from blake3 import blake3

from runyard.computes.protocol import ComputeTarget, Handle
from runyard.data import registry
from runyard.data.freezing import is_remote
from runyard.data.relay import keeping, placing
from runyard.history import targets
from runyard.history.reconcile import HANDLE
from runyard.record import creation, events, jsonl, owner
from runyard.record.events import State
from runyard.record.layout import RunDirectory, WorkspaceDirectory

PYTHON_VERSION = ".".join(str(part) for part in sys.version_info[:3])


def workspace(folder: Path) -> WorkspaceDirectory:
    """An empty workspace in ``folder/.runyard``."""
    directory = WorkspaceDirectory(str(folder / ".runyard"))
    for name in ("runs", "blobs", "snapshots"):
        (Path(directory.path) / name).mkdir(parents=True)
    Path(directory.workspace_json).write_text('{"format": 1, "id": "w", "name": "tests"}')
    return directory


def snapshot(directory: WorkspaceDirectory, files: dict[str, str]) -> str:
    """Store files the way the snapshot store does; returns the id."""
    entries = []
    for name, text in sorted(files.items()):
        blob = blake3(text.encode()).hexdigest()
        path = Path(directory.blobs) / blob[:2] / blob
        path.parent.mkdir(exist_ok=True)
        _write_once(path, text)
        entries.append([name, "f", 0o644, blob, len(text.encode())])
    manifest = json.dumps({"format": 1, "entries": entries})
    identity = blake3(manifest.encode()).hexdigest()[:32]
    _write_once(Path(directory.manifest(identity)), manifest)
    return identity


def _write_once(path: Path, text: str) -> None:
    """A runner may be reading what is there already."""
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(text)
        temporary.rename(path)


def spec(**changes: Any) -> dict[str, Any]:
    """The ``spec`` of a run.json: ``train.py`` under this interpreter, but for ``changes``."""
    environment: dict[str, Any] = {
        "name": "current",
        "kind": "user_managed",
        "python": None,
        "interpreter": sys.executable,
        "python_version": PYTHON_VERSION,
        "requirements": [],
        "options": [],
        "key": "",
        "notices": [],
    }
    plain: dict[str, Any] = {
        "source_directory": "/nowhere",
        "script": "train.py",
        "arguments": [],
        "command": None,
        "target": "local",
        "environment": environment,
        "environment_variables": {},
        "secret_variables": [],
        "max_run_duration_s": None,
        "grace_period_s": 1.0,
        "node_count": 1,
        "processes_per_node": 1,
        "launcher": "single",
        "container": None,
        "framework": "Python",
        "communicator": "None",
        "vm_size": None,
        "vm_priority": None,
        "resources": None,
        "use_gpu": False,
        "distribution": None,
    }
    return {**plain, **changes}


def make_run(
    directory: WorkspaceDirectory,
    text: str = "",
    files: dict[str, str] | None = None,
    **changes: Any,
) -> RunDirectory:
    """A run that is recorded but not started; ``text`` is its train.py.

    Where the default datastore is not a folder of this machine, the run can go by it.
    """
    name = registry.default_name(directory)
    if is_remote(registry.url_of(directory, name)):
        changes = {"relay": name, "target": "far", **changes}
    tree = {"train.py": text, **(files or {})}
    record = {
        "type": "azureml.scriptrun",
        "parent": None,
        "tags": {},
        "properties": {},
        "workspace": "tests",
        "snapshot": snapshot(directory, tree),
        "spec": spec(**changes),
    }
    return creation.create_run(directory, "exp", record)


def start(
    target: ComputeTarget, run: RunDirectory, secrets: dict[str, str] | None = None
) -> Handle:
    """Submit a run as the client does: holding its lock until the target has it.

    To a target that does not share the disk it goes by way of the default datastore.
    """
    ownership = owner.take(run.lock)
    assert ownership is not None, f"somebody runs {run.path} already"
    told = {} if targets.shares_disk(target) else placing.place(run)
    try:
        handle = target.submit(run, ownership, {**(secrets or {}), **told})
        if told:
            jsonl.write_once(run.join(HANDLE), handle, sync=False)
            keeping.start(run, ownership)
        return handle
    finally:
        ownership.release()


def wait_for(condition: Any, timeout_s: float = 30.0) -> None:
    """Wait for a real event of another process; fails the test when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def finish(run: RunDirectory, timeout_s: float = 30.0) -> State:
    """Wait for the end of a run and of its runner; returns how it ended."""
    wait_for(lambda: events.read_state(run).status.ended, timeout_s)
    wait_for(lambda: not owner.is_held(run.lock), timeout_s)
    return events.read_state(run)


def log_of(run: RunDirectory) -> str:
    """What the script has printed so far; '' when it has not begun."""
    if not Path(run.std_log).exists():
        return ""
    return Path(run.std_log).read_text(errors="replace")
