"""Storing a snapshot for a script: ``python -m runyard.history.snapshots_cli WORKSPACE PATH``.

A script's own environment has only the standard library, so ``Run.take_snapshot`` starts this in
the interpreter runyard is installed in. Prints the id; on failure the reason, with exit code 1.
Until its stdin ends nothing is removed from the store (`runyard.history.store_lock`): so long the
script has to note that its run refers to the snapshot.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from runyard.errors import RunyardError, UserErrorException
from runyard.history import store_lock
from runyard.history.snapshots import SnapshotStore


def store(workspace_dir: str, path: str, hold: store_lock.Hold) -> str:
    """Store a folder, or a single file, as a snapshot; returns its id.

    Raises UserErrorException when nothing is there, SnapshotException as ``SnapshotStore.take``.
    """
    snapshots = SnapshotStore(Path(workspace_dir))
    source = Path(path)
    if not source.exists():
        raise UserErrorException(f"there is nothing at {path!r} to take a snapshot of")
    if source.is_dir():
        return snapshots.take(source, hold=hold).id
    with tempfile.TemporaryDirectory(prefix="runyard-snapshot-") as folder:
        shutil.copy2(source, folder)
        return snapshots.take(Path(folder), hold=hold).id


def main(arguments: list[str]) -> int:
    """Store what the arguments say; returns the exit code."""
    try:
        workspace_dir, path = arguments
        with store_lock.shared(os.path.realpath(workspace_dir)) as hold:
            print(store(workspace_dir, os.path.abspath(path), hold), flush=True)
            sys.stdin.read()
    except RunyardError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
