"""Starting a runner on this machine: a process of its own session that outlives who started it."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys

from runyard import _lending, settings
from runyard.errors import UserErrorException
from runyard.record import keyvault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership

    class Ahead(Protocol):
        """A runner that waits."""

        def hand_over(
            self, ownership: Ownership, variables: Mapping[str, str]
        ) -> subprocess.Popen[bytes] | None:
            """Give it the run; None where it has died meanwhile."""


RUNNER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "runner", "__main__.py")

_PATH_VARIABLES = (
    *("RUNYARD_CACHE_DIR", "RUNYARD_CONFIG", "UV_CACHE_DIR", "PIP_CONFIG_FILE"),
    "XDG_STATE_HOME",
)

_started: list[subprocess.Popen[bytes]] = []
"""Runners started by this process and not yet collected; without that they stay as zombies."""

AHEAD: dict[str, Ahead] = {}
"""Runners that wait for a run that is being planned, by its path; see ``runner_ahead``."""


def start(
    run: RunDirectory,
    ownership: Ownership,
    variables: Mapping[str, str],
    program: tuple[str, str] | None = None,
    *,
    words: Sequence[str] = (),
) -> int:
    """Start the runner of a run; it inherits the lock. Returns its pid.

    ``variables``: its whole environment. ``program``: interpreter and file of the runner, None
    for those of this process. ``words``: more arguments for the runner. Raises OSError when it
    cannot be started.
    """
    collect()
    process = None
    if program is None and not words and run.path in AHEAD:
        process = AHEAD.pop(run.path).hand_over(
            ownership, {**variables, "RUNYARD_RUN_DIRECTORY": run.path}
        )
    if process is None:
        process = _started_now(run, ownership, variables, program or own_program(), words)
    _started.append(process)
    return process.pid


def _started_now(
    run: RunDirectory,
    ownership: Ownership,
    variables: Mapping[str, str],
    program: tuple[str, str],
    words: Sequence[str],
) -> subprocess.Popen[bytes]:
    python, runner = program
    # -I and -S: no user settings, no site-packages: half the start-up time of the runner.
    argv = [python, "-I", "-S", runner, run.path, str(ownership.fd), *words]
    with open(run.runner_log, "ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            env={**variables, "RUNYARD_RUN_DIRECTORY": run.path},
            start_new_session=True,
            pass_fds=(ownership.fd,),
        )


def own_program() -> tuple[str, str]:
    """Interpreter and file of the runner that belongs to this runyard."""
    return _lending.client_python(), RUNNER


def far_command(run: RunDirectory, python: str = sys.executable) -> list[str]:
    """The command that starts a runner which does not see the run directory.

    ``python``: an interpreter there that has runyard. It is given the ``secrets`` of ``submit``
    among its variables, and nothing else of this machine.
    """
    return [python, "-m", "runyard.runner", "far", run.id]


def variables(secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment of a runner that this process starts: its own, and the run's secrets."""
    return {**os.environ, **places(), **secrets}


_PLAIN = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")


def plain_variables() -> dict[str, str]:
    """For a run whose own variables were lost, those of this process that are no secrets."""
    return {n: v for n, v in os.environ.items() if n in _PLAIN or n.startswith("LC_")}


def places() -> dict[str, str]:
    """Settings that are paths, made absolute: the runner has another current folder.

    Those of the cache and the secrets even from the settings file: reading it would cost the
    runner 5 ms.
    """
    given = {name: os.environ.get(name, "") for name in _PATH_VARIABLES}
    cache_dir = settings.get("cache_dir")
    given["RUNYARD_CACHE_DIR"] = cache_dir.value if cache_dir else ""
    found = {
        name: os.path.abspath(value)
        for name, value in given.items()
        if value and not value.startswith("~")
    }
    with contextlib.suppress(UserErrorException):  # who needs it says what is wrong with it
        found[keyvault.VARIABLE] = keyvault.where()
    return found


def stopped(run: RunDirectory) -> int | None:
    """The pid of the run's runner when that is stopped (SIGSTOP, a debugger); None when it is not.

    It holds the lock, so nobody ends the run in its stead. None on other machines than its own.
    """
    from runyard.computes import processes
    from runyard.record import owner

    who = owner.signature(run.lock)
    if not who or owner.is_alive(who) is not True or not owner.is_held(run.lock):
        return None
    pid = int(who["pid"])
    return pid if processes.is_stopped(pid) else None


def collect() -> None:
    """Reap runners that have ended."""
    _started[:] = [runner for runner in _started if runner.poll() is None]


@atexit.register
def _let_live() -> None:
    """Runners outlive this process on purpose: Popen need not warn that they do."""
    for runner in _started:
        runner.returncode = 0
