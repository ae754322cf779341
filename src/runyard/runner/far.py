"""``python -m runyard.runner far RUN_ID``: a runner that does not see the workspace.

It makes a workspace of its own for the run, starts the ordinary runner there, and sends what
changes in the run directory to the datastore the run came by; what is asked of the run comes the
same way. Where the datastore is, it is told by the variable RUNYARD_RELAY.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from runyard.computes import runner_process
from runyard.data import credentials
from runyard.data.relay import adopting, batches
from runyard.data.relay.pushing import Pusher
from runyard.data.relay.unpacking import unpack
from runyard.data.stores.opening import open_store
from runyard.errors import RunyardError
from runyard.record import owner
from runyard.record.events import read_state
from runyard.record.states import Reason
from runyard.runner import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runyard.data.stores.store import Store
    from runyard.record.layout import RunDirectory

VARIABLE = "RUNYARD_RELAY"
FOLDER = "RUNYARD_FAR_DIR"
"""The folder that the workspaces of such runs are made in; unset, that of temporary files."""

PATIENCE_S = 900.0
"""How long a datastore that cannot be reached is tried when the run has ended."""
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.25, 2.0
_NAMED = 20
"""How many files a message names."""

_REQUEST = re.compile(r"(cancel|fail|complete)-[0-9A-Za-z.-]+\.json")


def main(arguments: list[str]) -> int:
    """Run one run to its end; 0 when all of it has reached the datastore."""
    run_id = arguments[1]
    told = json.loads(os.environ.pop(VARIABLE))
    store = open_store(told["url"], told["options"], told["secrets"])
    folder = tempfile.mkdtemp(prefix=f"runyard-{run_id}-", dir=os.environ.get(FOLDER) or None)
    try:
        run = unpack(store, run_id, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    runner = _start(run, told["datastores"])
    signal.signal(signal.SIGTERM, lambda *_: runner.send_signal(signal.SIGTERM))
    pusher = Pusher(run, store)
    _follow(run, runner, store, pusher)
    while not read_state(run).status.ended:  # it was killed
        _end_lost(run, runner.returncode)
        _follow(run, _Holder(run), store, pusher)
    adopting.gather(run)
    if not _persistently(pusher.finish):
        said.say(f"run {run_id} has ended, and what it has left is still in {folder}")
        return 1
    if pusher.unreadable:
        names = ", ".join(sorted(pusher.unreadable)[:_NAMED])
        said.say(f"run {run_id}: this user may not read all it has left in {run.path}: {names}")
        return 1
    shutil.rmtree(folder)
    return 0


def _start(run: RunDirectory, secrets: dict[str, dict[str, str]]) -> subprocess.Popen[bytes]:
    """The ordinary runner; it has the run's lock, and ends when this process does."""
    ownership = owner.take(run.lock)
    assert ownership is not None, "somebody else has the lock of a run that was only made now"
    variables = {**os.environ, credentials.VARIABLE: json.dumps(secrets)}
    argv = [sys.executable, "-I", "-S", runner_process.RUNNER, run.path, str(ownership.fd)]
    try:
        with open(run.runner_log, "ab") as log:
            return subprocess.Popen(
                [*argv, "--with-parent"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run.path,
                env={**variables, "RUNYARD_RUN_DIRECTORY": run.path},
                start_new_session=True,
                pass_fds=(ownership.fd,),
            )
    finally:
        ownership.release()


def _follow(
    run: RunDirectory, runner: subprocess.Popen[bytes] | _Holder, store: Store, pusher: Pusher
) -> None:
    """Send what changes, and hand on what is asked, until the runner has ended."""
    pause_s, number = _FIRST_PAUSE_S, 1
    while runner.poll() is None:
        try:
            number, is_new = _ask(run, store, number)
            is_new = pusher.push() or is_new
            pause_s = _FIRST_PAUSE_S if is_new else min(1.5 * pause_s, _LAST_PAUSE_S)
        except (RunyardError, OSError) as error:  # what was not sent goes with the next
            said.say(f"the datastore cannot be reached: {error}")
            pause_s = _LAST_PAUSE_S
        try:
            runner.wait(pause_s)
        except subprocess.TimeoutExpired:
            continue


class _Holder:
    """Another runner that goes on with the run, by the lock that it has."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    def poll(self) -> int | None:
        return None if owner.is_held(self._run.lock) else 0

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired("runner", timeout)
            time.sleep(0.02)
        return 0


def _ask(run: RunDirectory, store: Store, number: int) -> tuple[int, bool]:
    """Put the requests that have come before the runner; the number of the next."""
    first = number
    while (entry := store.entry(batches.request(run.id, number))) is not None:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(run.path)) as folder:
            target = os.path.join(folder, "request")
            store.fetch([(entry, target)])
            with open(target, encoding="utf-8") as stream:
                name = json.load(stream)["name"]
            if _REQUEST.fullmatch(name):
                os.rename(target, os.path.join(run.requests, name))
        number += 1
    return number, number > first


def _end_lost(run: RunDirectory, code: int) -> None:
    """The runner was killed: another one goes on, or what is left of the run is ended."""
    from runyard.computes.local import LocalTarget
    from runyard.history.reconcile import end_lost

    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    text = f"The runner {how} on {os.uname().nodename} and has not written how the run ended."
    end_lost(run, Reason.RUNNER_LOST, text, LocalTarget())


def _persistently(action: Callable[[], None]) -> bool:
    """Try until it is done; False when that has taken too long."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            action()
            return True
        except (RunyardError, OSError) as error:
            said.say(f"the datastore cannot be reached: {error}")
            if time.monotonic() > until:
                return False
            time.sleep(_LAST_PAUSE_S)
