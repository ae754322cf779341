"""Starting commands on the nodes of a Slurm job. The runner needs it before the script starts."""

from __future__ import annotations

import os

from runyard.computes import channels, spawning
from runyard.computes.local_channel import LocalChannel
from runyard.computes.slurm import hostlist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.channels import Command
    from runyard.computes.slurm.entering import Entry
    from runyard.computes.spawning import Started
    from runyard.record.layout import RunDirectory


class SlurmChannel:
    """The nodes of the job that this runner is in; it runs on the first of them."""

    notes: tuple[str, ...] = ()

    def __init__(self, spec: Mapping[str, Any], run: RunDirectory) -> None:
        """``spec``: the JobSpec as it stands in run.json."""
        listed = os.environ.get("SLURM_JOB_NODELIST") or os.environ.get("SLURM_NODELIST") or ""
        self.nodes: tuple[str, ...] = tuple(hostlist.expand(listed))
        self._run = run
        self._grace_s = float(spec["grace_period_s"])
        self._has_agent = False
        self._has_steps = False
        self._local = LocalChannel({**spec, "node_count": 1}, run)

    @property
    def addresses(self) -> tuple[str, ...]:
        """By which processes on other nodes reach each."""
        if len(self.nodes) == 1:
            return ("127.0.0.1",)
        from runyard.computes.slurm import addresses

        return addresses.of(self.nodes)

    def start(
        self,
        node: int,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        *,
        stdin_fd: int = spawning.DEVNULL,
    ) -> Started:
        """Start a command: here on the first node, by srun on another one."""
        if node:
            from runyard.computes.slurm import steps

            takes_input = stdin_fd != spawning.DEVNULL
            name, mark = self.nodes[node], self._run.path
            argv = steps.on_one(name, cwd, argv, mark, takes_input=takes_input)
            env = steps.variables(env)
        return self._local.start(0, argv, env, cwd, log_fd, stdin_fd=stdin_fd)

    def enter(
        self,
        node: int,
        entry: Entry,
        argv: Sequence[str],
        env: Mapping[str, str],
        log_fd: int,
        *,
        stdin_fd: int,
    ) -> Started:
        """Start a command in a container on a node; it reads ``stdin_fd``."""
        from runyard.computes.slurm import entering, steps

        marked = {**env, "RUNYARD_RUN_DIRECTORY": self._run.path}
        folder = self._run.path
        if channels.containers() == entering.PYXIS:
            options = entering.pyxis(entry)
            marked = entering.for_srun(marked)
        else:
            options, argv = [], entering.apptainer(entry, argv)
            if node == 0:
                return self._local.start(0, argv, marked, folder, log_fd, stdin_fd=stdin_fd)
        command = steps.on_one(
            self.nodes[node], folder, argv, folder, takes_input=True, options=options
        )
        return steps.Step(
            command,
            stdin=stdin_fd,
            stdout=log_fd,
            stderr=log_fd,
            cwd=folder,
            env=steps.variables(marked),
            start_new_session=True,
        )

    def start_all(
        self, commands: Sequence[Command], env: Mapping[str, str], cwd: str, log_fd: int
    ) -> list[Started]:
        """Start all by one srun, whose process is the one to wait for and to signal.

        Also where all are on this node: frameworks that know Slurm read their rank of SLURM_PROCID.
        """
        if len(commands) == 1 and commands[0].node == 0:
            return self._local.start_all(commands, env, cwd, log_fd)
        from runyard.computes.slurm import steps

        self._has_steps = True
        return [steps.start_all(self._run, self.nodes, commands, env, cwd, log_fd)]

    def free_ports(self, counts: Sequence[int]) -> list[list[int]]:
        """Ports that the kernels of the nodes gave."""
        if not any(counts[1:]):
            return self._local.free_ports(counts)
        from runyard.computes.slurm import steps

        return steps.free_ports(self.nodes, counts)

    def agent(self, folder: str) -> str:
        """A program that runs a shell command on the node of a name, by srun."""
        if len(self.nodes) == 1:
            return ""
        from runyard.computes.slurm import steps

        self._has_agent = True
        return steps.agent(folder, self._run.path, self._grace_s)

    def close(self) -> None:
        """Kill what does not end on other nodes, which could write to the run's folder.

        A step is what ends there the ranks that its daemon has left, and Slurm need not know them.
        """
        if self._has_agent:
            from runyard.computes.slurm import steps

            steps.kill_steps(self._grace_s + steps.END_HERE_S)
        if self._has_steps:
            from runyard.computes import processes

            processes.end(self._left_here, self._grace_s)

    def _left_here(self) -> list[int]:
        """What Slurm has left of a step on this node: it is no more below anything of the job.

        Where it does not track processes by cgroups, one that is being started when its step is
        killed gets away, and so does what has left its parents.
        """
        from runyard.computes import processes

        found = processes.of_run_here(self._run.path)
        of_the_job = processes.descendants(os.getppid()) if found else []
        return [pid for pid in found if pid not in of_the_job]
