"""Starting the processes of a distributed run.

Imported by such runs alone. Each process runs under ``launchers/rank.sh``, which gives it a log
and a record of its own.
"""

from __future__ import annotations

import os
import time

from runyard import launchers
from runyard.computes.channels import Command
from runyard.launchers.plan import Places
from runyard.record import ranks, script
from runyard.runner import launch, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.protocol import NodeChannel
    from runyard.data.places import Place
    from runyard.launchers.plan import LaunchPlan, Process
    from runyard.record.jsonl import Appender
    from runyard.record.layout import RunDirectory
    from runyard.runner.gang import Gang

_LAUNCHERS = os.path.dirname(os.path.abspath(launchers.__file__))
RANK = ("sh", os.path.join(_LAUNCHERS, "rank.sh"))
"""What every process runs under."""
_EXPAND = ("sh", os.path.join(_LAUNCHERS, "expand.sh"))
NODE = os.path.join(_LAUNCHERS, "node.sh")
"""By what a shell starts the processes of one node."""


def start(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    channel: NodeChannel,
    data: Sequence[Place] = (),
) -> Gang:
    """Start all processes of the run; ``data``: what was staged for them.

    Raises OSError, or a RunyardError, when that is not possible.
    """
    _make_folders(run)
    plan = _plan(run, record["spec"], prefix["python"], channel)
    log_path = run.join("system_logs", plan.starter.log if plan.starter else "launch.txt")
    launched = _note(run, plan, record["spec"], log_path)
    if record["spec"].get("container") is not None:
        from runyard.runner import container_gang

        contained = container_gang.start(run, record, prefix, channel, plan, data=data)
        script.note_processes(launched, [contained.pid])
        return contained
    first = plan.processes[0]
    env = launch.variables(run, record, prefix, os.environ, first.python_path)
    env.update(launch.data_variables(data))
    env.update(_booted())
    for process in (first, plan.starter):
        if process is not None:
            _check_program(process.argv[0], {**env, **process.env}, run)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if plan.starter:
            own = {**env, **plan.starter.env}
            # What differs between the ranks is expanded where they are.
            started = [channel.start(plan.starter.node, plan.starter.argv, own, run.work, log)]
        else:
            started = channel.start_all(
                _commands(plan, env, record["spec"]["secret_variables"]), env, run.work, log
            )
    except BaseException:  # some may have started
        from runyard.runner.supervision import reap_orphans
        from runyard.runner.tree import end_below

        end_below(run, 0.0, reap_orphans)
        raise
    finally:
        os.close(log)
    from runyard.runner.gang import Gang  # what watches them is imported while they start

    each = plan.starter is None and len(started) == len(plan.processes)
    gang = Gang(started, plan, run, each=each, log=log_path)
    pids = [process.pid for process in started]
    script.note_processes(launched, pids, each, log_path, gang.oom_kills)
    return gang


def _booted() -> dict[str, str]:
    """When this machine was started, and by which id it is known, for ``rank.sh``.

    In hundredths of a second since 1970, by the clock as it is now.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            boot = stream.read().strip()
        now = time.time()  # first: where this process has to wait between, no start lies ahead
        with open("/proc/uptime") as stream:
            up_s = float(stream.read().split()[0])
    except (OSError, ValueError):  # ranks ask date then
        return {}
    # One less: the kernel has cut off what is below a hundredth, and no start lies ahead.
    return {"RUNYARD_BOOTED": f"{boot} {int((now - up_s) * 100) - 1}"}


def _note(run: RunDirectory, plan: LaunchPlan, spec: Mapping[str, Any], log: str) -> Appender:
    """By what another runner can go on with the run, should this one be killed."""
    serving = [process.rank for process in plan.processes if process.serves]
    gang = {
        "size": len(plan.processes),
        "serving": serving,
        "starter": plan.starter is not None,
        "log": log,
    }
    return script.begin(run, gang=gang, container=spec.get("container") is not None)


def _make_folders(run: RunDirectory) -> None:
    """What an earlier attempt has recorded of its ranks says nothing of these."""
    if os.path.isdir(run.ranks):
        import shutil

        shutil.rmtree(run.ranks, ignore_errors=True)
    os.makedirs(ranks.failed_folder(run))
    os.makedirs(run.launch, exist_ok=True)


def _plan(
    run: RunDirectory, spec: Mapping[str, Any], python: str, channel: NodeChannel
) -> LaunchPlan:
    launcher = launchers.load(spec["launcher"])
    for note in channel.notes:
        said.say(note)
    places = Places(
        channel.nodes,
        channel.addresses,
        ports=channel.free_ports(launcher.ports(spec)),
        agent=channel.agent(run.launch),
        folder=run.launch,
    )
    return launcher.plan(spec, places, python)


def _check_program(name: str, env: Mapping[str, str], run: RunDirectory) -> None:
    """Said once and before anything is started, and not by every rank."""
    # shutil.which would cost 4 ms before the script starts.
    folders = [run.work] if "/" in name else env.get("PATH", os.defpath).split(os.pathsep)
    places = (os.path.join(folder, name) for folder in folders)
    if not any(os.access(place, os.X_OK) and not os.path.isdir(place) for place in places):
        raise launch.no_program(name)


def _commands(plan: LaunchPlan, env: Mapping[str, str], secret: Sequence[str]) -> list[Command]:
    """Each process under rank.sh, with its own variables in its arguments.

    Where these are ``secret`` the process does it itself: a target may write a command to a file.
    """
    world = len(plan.processes)
    hidden = any(name in part for part in plan.processes[0].argv for name in secret)
    commands = []
    for process in plan.processes:
        own = {**process.env, **seat_variables(process, world)}
        if hidden and process.argv[:2] != ("bash", "-c"):
            argv = [*_EXPAND, *process.argv]
        else:
            argv = launch.expand(process.argv, {**env, **own})
        commands.append(Command(process.node, [*RANK, *argv], own))
    return commands


def seat_variables(process: Process, world: int) -> dict[str, str]:
    """By what rank.sh, and the script's ``Run``, know which process it is."""
    return {
        "RUNYARD_RANK": str(process.rank),
        "RUNYARD_WORLD_SIZE": str(world),
        "RUNYARD_LOCAL_RANK": str(process.local_rank),
        "RUNYARD_NODE_INDEX": str(process.node),
    }
