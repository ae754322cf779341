"""This machine as a compute target."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from runyard import settings
from runyard.computes import processes
from runyard.computes.protocol import Handle, Problem
from runyard.history.targets import TargetState
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.record.owner import Ownership

_RUNNER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "runner", "__main__.py")

_PATH_VARIABLES = ("RUNYARD_CACHE_DIR", "RUNYARD_CONFIG", "UV_CACHE_DIR", "PIP_CONFIG_FILE")

_log = logging.getLogger(__name__)

_started: list[subprocess.Popen[bytes]] = []
"""Runners started by this process and not yet collected; without that they stay as zombies."""


class LocalTarget:
    """Starts runners as processes of their own session: they outlive terminal and submitter."""

    def check(self, spec: Any) -> list[Problem]:
        """One process on one node is what can be done here so far."""
        problems = []
        if spec.node_count != 1:
            message = f"{spec.node_count} nodes: the target 'local' is one machine"
            problems.append(Problem("node_count", message))
        if spec.processes_per_node != 1:
            message = f"{spec.processes_per_node}: starting several processes is not built yet"
            problems.append(Problem("process_count_per_node", message))
        why = self.lacks_gpu(spec.environment_variables) if spec.use_gpu else ""
        if why:
            problems.append(Problem("use_gpu", why))
        if spec.container is not None:
            problems += _of_container(spec)
        return problems

    def lacks_gpu(self, variables: Mapping[str, str]) -> str:
        """Why a script with these variables would find no GPU here; '' if it would."""
        from runyard.computes import gpus

        return gpus.missing(variables)

    def notices(self, spec: Any) -> list[str]:
        """What of the machine size a run asks for is not here, in one sentence."""
        if spec.resources is None:
            return []
        from runyard.computes import machine

        return machine.shortfalls(spec)

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start the runner; it inherits the run's lock and this process's environment."""
        _collect()
        # -I and -S: no user settings, no site-packages: half the start-up time of the runner.
        argv = [sys.executable, "-I", "-S", _RUNNER, run.path, str(ownership.fd)]
        with open(run.runner_log, "ab") as log:
            runner = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run.path,
                env={**os.environ, **_places(), **secrets, "RUNYARD_RUN_DIRECTORY": run.path},
                start_new_session=True,
                pass_fds=(ownership.fd,),
            )
        _started.append(runner)
        return {"target": "local", "run": run.path, **owner.identity(runner.pid)}

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """By the runs' locks; from another machine a free lock proves nothing."""
        _collect()
        return [_state(handle) for handle in handles]

    def cancel(self, handle: Handle) -> None:
        """Leave a request in the run directory; the runner looks there four times a second."""
        run = RunDirectory(handle["run"])
        if not events.read_state(run).status.ended and not events.cancel_requested(run):
            events.request(run, "cancel")

    def reap(self, run: RunDirectory) -> None:
        """Kill what the lost runner's script left running; there is nobody to wait for it."""
        if os.path.exists(run.container_json):
            _remove_container(run)
        processes.end(lambda: processes.of_run(run.path), grace_s=0.0)


def _of_container(spec: Any) -> list[Problem]:
    from runyard.containers import finding
    from runyard.containers.errors import EngineError

    try:
        engine = finding.find()
    except EngineError as error:
        return [Problem("environment.docker", f"{error}")]
    if not spec.use_gpu:
        return []
    from runyard.computes import gpus

    why = gpus.kept_from_container(engine.name, spec.container.arguments)
    return [Problem("use_gpu", why)] if why else []


def _remove_container(run: RunDirectory) -> None:
    """Its processes are not all to be found, or to be ended, by their variables."""
    from runyard.containers.engine import Engine
    from runyard.containers.errors import EngineError

    try:
        place = jsonl.read_json(run.container_json)
        Engine(place["engine"], place["program"]).remove(place["container"])
    except (OSError, ValueError, KeyError, EngineError) as error:
        _log.warning("the container of run %s was not removed: %s", run.id, error)


def _places() -> dict[str, str]:
    """Settings that are paths, made absolute: the runner has another current folder.

    That of the cache even from the settings file: reading it would cost the runner 5 ms.
    """
    given = {name: os.environ.get(name, "") for name in _PATH_VARIABLES}
    cache_dir = settings.get("cache_dir")
    given["RUNYARD_CACHE_DIR"] = cache_dir.value if cache_dir else ""
    return {
        name: os.path.abspath(value)
        for name, value in given.items()
        if value and not value.startswith("~")
    }


def _state(handle: Handle) -> TargetState:
    if owner.is_held(RunDirectory(handle["run"]).lock):
        return TargetState.ALIVE
    here = handle.get("host") in (None, os.uname()[1])
    return TargetState.GONE if here else TargetState.UNKNOWN


def _collect() -> None:
    """Reap runners that have ended."""
    _started[:] = [runner for runner in _started if runner.poll() is None]


@atexit.register
def _let_live() -> None:
    """Runners outlive this process on purpose: Popen need not warn that they do."""
    for runner in _started:
        runner.returncode = 0
