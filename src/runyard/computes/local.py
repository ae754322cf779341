"""This machine as a compute target."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runyard.computes import processes, runner_process
from runyard.computes.protocol import Handle, Problem
from runyard.history.targets import TargetState
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.record.owner import Ownership


class LocalTarget:
    """Starts runners as processes of their own session: they outlive terminal and submitter."""

    def check(self, spec: Any) -> list[Problem]:
        """Several nodes are rehearsed, so that a run may ask for any number of processes."""
        problems = []
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
        """That nodes are rehearsed, and what of the machine a run asks for is not here."""
        if spec.resources is None and spec.distribution is None:
            return []
        from runyard.computes import machine

        lacks_gpu = self.lacks_gpu(spec.environment_variables) if machine.uses_nccl(spec) else ""
        return [*machine.rehearsal(spec, lacks_gpu), *machine.shortfalls(spec)]

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start the runner; it inherits the run's lock and this process's environment."""
        pid = runner_process.start(run, ownership, runner_process.variables(secrets))
        return {"target": "local", "run": run.path, **owner.identity(pid)}

    def poll(self, handles: Sequence[Handle]) -> list[TargetState]:
        """By the runs' locks; from another machine a free lock proves nothing."""
        runner_process.collect()
        return [state(handle) for handle in handles]

    def cancel(self, handle: Handle) -> None:
        """Leave a request in the run directory; the runner looks there four times a second."""
        run = RunDirectory(handle["run"])
        if not events.read_state(run).status.ended and not events.cancel_requested(run):
            events.request(run, "cancel")

    def adopt(self, run: RunDirectory, ownership: Ownership) -> str:
        """Start another runner for a run that has lost its own; '' or why that cannot be."""
        from runyard.computes import adoption

        return adoption.adopt(run, ownership)

    def reap(self, run: RunDirectory) -> None:
        """Kill what the lost runner's script left running; there is nobody to wait for it."""
        if os.path.exists(run.container_json):
            _remove_container(run)
        processes.end(lambda: processes.of_run(run.path), grace_s=0.0)
        if os.path.exists(run.ranks):
            from runyard.computes import mpi_left, rehearsed_channel

            mpi_left.remove_segments(os.stat(run.run_json).st_mtime)
            rehearsed_channel.remove_scratch(run)
        if os.path.exists(run.data_log):
            from importlib import import_module

            # Not by _names, which asks for packages: a runner has none, and this needs none.
            import_module("runyard.data.left").tidy(run)
        from runyard.computes import restarting

        restarting.forget(run)


def _of_container(spec: Any) -> list[Problem]:
    from runyard.containers import finding
    from runyard.containers.errors import EngineError

    try:
        engine = finding.find()
    except EngineError as error:
        return [Problem("environment.docker", f"{error}")]
    name = spec.environment.image.name
    if name.startswith("/"):
        message = (
            f"{name} is an image for apptainer or pyxis on a cluster; {engine.name} here "
            "needs the name of one"
        )
        return [Problem("environment.docker.base_image", message)]
    if not spec.use_gpu:
        return []
    from runyard.computes import gpus

    why = gpus.kept_from_container(engine.name, spec.container.arguments)
    return [Problem("use_gpu", why)] if why else []


def _remove_container(run: RunDirectory) -> None:
    """Its processes are not all to be found, or to be ended, by their variables."""
    from runyard.containers import finding, run_names
    from runyard.containers.errors import EngineError

    try:
        place = jsonl.read_json(run.container_json)
        # Of its file no program is started: engines are found by their names.
        for name in run_names.recorded(run, place):
            finding.named(place["engine"]).remove(name)
    except (OSError, ValueError, KeyError, EngineError) as error:
        import logging  # 7 ms of every runner that starts who is next

        log = logging.getLogger(__name__)
        log.warning("the container of run %s was not removed: %s", run.id, f"{error}")


def state(handle: Handle) -> TargetState:
    """Of a run that is not waiting: by its lock."""
    if owner.is_held(RunDirectory(handle["run"]).lock):
        return TargetState.ALIVE
    here = handle.get("host") in (None, os.uname()[1])
    return TargetState.GONE if here else TargetState.UNKNOWN
