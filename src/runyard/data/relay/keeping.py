"""Starting the keeper of a run that runs far away."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from runyard import _lending
from runyard.history import targets
from runyard.record import jsonl, owner

if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")

_started: list[subprocess.Popen[bytes]] = []


def start(run: RunDirectory, ownership: Ownership) -> None:
    """Start the keeper; it inherits the run's lock and outlives this process. Raises OSError."""
    _started[:] = [process for process in _started if process.poll() is None]
    target = targets.place_of(jsonl.read_json(run.run_json)["spec"]["target"])
    argv = [_lending.client_python(), _PROGRAM, run.path, str(ownership.fd)]
    # A target of the user's own is to be found there as it is here.
    folders = os.pathsep.join(os.path.abspath(folder) for folder in sys.path if folder)
    with open(run.join("system_logs", "relay.txt"), "ab") as log:
        process = subprocess.Popen(
            [*argv, *([target] if target else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            env={**os.environ, "PYTHONPATH": folders} if target else None,
            start_new_session=True,
            pass_fds=(ownership.fd,),
        )
    _started.append(process)


def resume(run: RunDirectory) -> bool:
    """Start the keeper of a run that has none any more; False for a run of another user.

    Raises OSError.
    """
    if not owner.is_own(run.path):
        return False
    ownership = owner.take(run.lock)
    if ownership is None:  # somebody else was faster
        return True
    try:
        start(run, ownership)
    finally:
        ownership.release()
    return True


@atexit.register
def _let_live() -> None:
    """Keepers outlive this process on purpose: Popen need not warn that they do."""
    for process in _started:
        process.returncode = 0
