"""A distributed run in containers: one on each node, with all processes of that node."""

from __future__ import annotations

import shlex

from runyard.computes import channels
from runyard.runner import container, distributed, launch
from runyard.runner.gang import Gang
from runyard.runner.supervision import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from runyard.computes.protocol import NodeChannel
    from runyard.data.places import Place
    from runyard.launchers.plan import LaunchPlan, Process
    from runyard.record.layout import RunDirectory
    from runyard.runner.contained import Contained

_START = "start_ranks"
"""The function of the shell that starts the processes of a node."""


def start(
    run: RunDirectory,
    record: Mapping[str, Any],
    prefix: Mapping[str, Any],
    channel: NodeChannel,
    plan: LaunchPlan,
    *,
    data: Sequence[Place] = (),
) -> Gang:
    """Start a container on each node, or one for what starts all processes by itself.

    Raises OSError or EngineError when that is not possible.
    """
    starter = plan.starter
    own = {**launch.data_variables(data), **(starter.env if starter else {})}
    env = container.variables(run, record, prefix, own)
    log = run.join("system_logs", starter.log if starter else "launch.txt")
    nodes = [starter.node] if starter else sorted({process.node for process in plan.processes})
    begun = container.begin(run, record, prefix, channel, data=data, count=len(nodes))
    python_path = plan.processes[0].python_path
    contained: list[Any] = []
    try:
        for node in nodes:
            argv, functions = _program(plan, node, env)
            started = begun.start(
                node, argv, env, log, python_path=python_path, functions=functions
            )
            contained.append(started)
    except BaseException:
        for one in contained:
            one.end(0)
        raise
    if channels.containers():
        from runyard.runner import entered

        return entered.EnteredGang(contained, plan, run, log)
    return ContainerGang(contained, plan, run, log)


def _program(plan: LaunchPlan, node: int, env: Mapping[str, str]) -> tuple[list[str], str]:
    """What the container of a node runs, and the functions that it needs."""
    if plan.starter:
        return [container.seen_there(part) for part in plan.starter.argv], ""
    there = (process for process in plan.processes if process.node == node)
    return [_START], start_ranks(there, len(plan.processes), env)


def start_ranks(processes: Iterable[Process], world: int, env: Mapping[str, str]) -> str:
    """A function of the shell that starts processes, each under rank.sh, and waits for them."""
    rank_sh = [container.seen_there(part) for part in distributed.RANK]
    lines = [f". {shlex.quote(container.seen_there(distributed.NODE))}"]
    for process in processes:
        own = {**process.env, **distributed.seat_variables(process, world)}
        argv = launch.expand(tuple(map(container.seen_there, process.argv)), {**env, **own})
        given = [f"{name}={value}" for name, value in own.items()]
        lines.append(shlex.join(["start", "env", *given, *rank_sh, *argv]))
    return "\n".join([f"{_START}() {{", *lines, "wait_for_all", "}", ""])


class ContainerGang(Gang):
    """What a supervisor watches: the containers by their clients, the ranks by their records."""

    def __init__(
        self, contained: Sequence[Contained], plan: LaunchPlan, run: RunDirectory, log: str
    ) -> None:
        clients = [one.client for one in contained]
        super().__init__(clients, plan, run, each=False, log=log)
        self._contained = contained

    def end(self, grace_s: float) -> int:
        """Stop all containers, at the same time; how many had to be killed."""
        from concurrent.futures import ThreadPoolExecutor

        self.note_end()
        with ThreadPoolExecutor(len(self._contained)) as pool:
            return sum(pool.map(lambda one: one.end(grace_s), self._contained))

    def judge(self, outcome: Outcome) -> None:
        """By the ranks; where none says why, by what the engine says of the containers."""
        each = []
        for one in self._contained:
            each.append(Outcome())
            one.judge(each[-1])
        super().judge(outcome)
        outcome.out_of_memory = any(of.out_of_memory for of in each)
        if outcome.rank is None:
            for of in each:
                if of.reason is not None:
                    outcome.reason, outcome.error = of.reason, of.error
