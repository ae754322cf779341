"""Job steps: commands that srun starts on the nodes of the job this process is in."""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
import time

from runyard.computes.slurm import telling
from runyard.computes.slurm.commands import Slurm, SlurmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runyard.computes.channels import Command
    from runyard.record.layout import RunDirectory

_OF_THE_BATCH_STEP = (
    "SLURM_CPUS_PER_TASK",
    "SLURM_DISTRIBUTION",
    "SLURM_HOSTFILE",
    "SLURM_JOB_NUM_NODES",
    "SLURM_NNODES",
    "SLURM_NPROCS",
    "SLURM_NTASKS",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_TASKS_PER_NODE",
    # Since 22.05 and 23.11: it would give a step so many CPUs, and not those of the whole job.
    "SLURM_TRES_PER_TASK",
    "SRUN_CPUS_PER_TASK",
)
"""Variables of the job that srun would take for options; what it starts finds its own."""

_STEP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "step.sh")
_END_HERE = os.path.join(os.path.dirname(_STEP), "end_here.py")
_THEN = """trap '' TERM; (trap - TERM; exec sh -c "$1"); exec"""
"""What ends the rest does not hear what its daemon is told."""

_MARK = "RUNYARD_RUN_DIRECTORY"
_OVERLAP_SINCE = (20, 11)
_PORTS_S = 60.0
END_HERE_S = 20.0
"""What ``end_here`` may take beside the time it gives: a busy node is slow to start it."""
_GONE_S = 15.0
"""For a step that was killed to be gone."""

_PORTS = """\
import os, socket, sys
found = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in found: one.bind(("", 0))
print("ports", os.environ["SLURMD_NODENAME"], *(one.getsockname()[1] for one in found))
"""


@functools.cache
def srun() -> tuple[str, ...]:
    """The program with the options of every step: beside the others, and bound to nothing.

    Raises SlurmError where it is not installed.
    """
    slurm = Slurm()
    job = os.environ.get("SLURM_JOB_ID", "")
    binds = binding(slurm.run("scontrol", "show", "config"))
    overlap = ("--overlap",) if version(slurm.run("srun", "--version")) >= _OVERLAP_SINCE else ()
    return (
        slurm.find("srun"),
        f"--jobid={job}",
        *overlap,
        "--export=ALL",
        "--mpi=none",
        *(("--cpu-bind=none",) if binds else ()),
        "--kill-on-bad-exit=0",
        "--wait=0",
        "--quiet",
    )


def binding(config: str) -> bool:
    """Whether a cluster with this configuration binds tasks to processors, unless told not to.

    srun complains where it is told and the cluster cannot.
    """
    found = re.search(r"^TaskPlugin\s*=\s*(.*)", config, re.MULTILINE)
    return found is None or re.search("affinity|cgroup", found[1]) is not None


def version(text: str) -> tuple[int, ...]:
    """The number in what a program says of its version: 'slurm-wlm 22.05.8' → (22, 5, 8)."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _tellable(mark: str) -> list[str]:
    """What to put before srun. ``mark``: the folder of the run whose processes are told to end on
    all nodes of the job, empty where others do that."""
    return ["sh", _STEP, telling.text(mark, srun()) if mark else ""]


class Step(subprocess.Popen[bytes]):
    """An srun behind ``step.sh``. Where that was killed, what it had started is killed too."""

    _is_settled = False

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code, the highest of all tasks."""
        code = super().wait(timeout)
        if code < 0 and not self._is_settled:
            self._is_settled = True
            kill_steps()
        return code


def kill_steps(grace_s: float = 0.0) -> None:
    """Kill the steps of the job this process is in, and wait until they are gone.

    ``grace_s``: what they may take to end by themselves.
    """
    slurm, job = Slurm(), os.environ.get("SLURM_JOB_ID", "")
    kill_at = time.monotonic() + grace_s
    while time.monotonic() < kill_at + _GONE_S:
        try:
            text = slurm.run("squeue", "--noheader", "--steps", f"--jobs={job}", "--format=%i")
            steps = re.findall(rf"\b{job}\.\d+\b", text)
            if not steps:
                return
            if time.monotonic() >= kill_at:
                slurm.run("scancel", "--quiet", "--signal=KILL", *steps)
        except SlurmError:  # gone meanwhile, or nobody answers: they go with the job
            return
        time.sleep(0.2)


_MARKED = f'{_MARK}=$0; export {_MARK}; exec "$@"'
"""What a step runs: of srun itself the variable is another one, see step.sh."""


def on_one(
    node: str,
    cwd: str,
    argv: Sequence[str],
    mark: str,
    *,
    takes_input: bool = False,
    options: Sequence[str] = (),
) -> list[str]:
    """The command that runs ``argv`` once, on the node of that name.

    ``mark``: the run's folder. ``options``: more of srun's.
    """
    return [
        *_tellable(mark),
        *srun(),
        "--nodes=1",
        "--ntasks=1",
        f"--nodelist={node}",
        f"--chdir={cwd}",
        *([] if takes_input else ["--input=none"]),
        *options,
        *("sh", "-c", _MARKED, mark, *argv),
    ]


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """Variables for srun, all of which it hands on."""
    return {name: value for name, value in env.items() if name not in _OF_THE_BATCH_STEP}


def start_all(  # noqa: PLR0917
    run: RunDirectory,
    nodes: Sequence[str],
    commands: Sequence[Command],
    env: Mapping[str, str],
    cwd: str,
    log_fd: int,
) -> Step:
    """Start commands on their nodes by one srun. Raises OSError or SlurmError.

    What is the same for all of them is in the variables of srun. The rest is in scripts that the
    nodes see, so nothing secret may be in what a command adds to ``env``.
    """
    common = _common(commands)
    tasks = _unused(run, "tasks")
    os.makedirs(tasks)
    for node, script in task_scripts(commands, common, run.path).items():
        path = os.path.join(tasks, f"{nodes[node]}.sh")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(script)
    hosts = os.path.join(tasks, "hosts")
    with open(hosts, "w", encoding="utf-8") as stream:
        stream.writelines(f"{nodes[command.node]}\n" for command in commands)
    argv = [
        *_tellable(run.path),
        *srun(),
        f"--nodes={len({command.node for command in commands})}",
        f"--ntasks={len(commands)}",
        "--distribution=arbitrary",
        f"--chdir={cwd}",
        "--input=none",
        *("sh", "-c", _OF_NODE, tasks),
    ]
    return Step(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log_fd,
        stderr=log_fd,
        cwd=cwd,
        env={**variables({**env, **common}), "SLURM_HOSTFILE": hosts},
        start_new_session=True,
    )


def _common(commands: Sequence[Command]) -> dict[str, str]:
    """Variables that all commands add, with the same value."""
    first, *others = (command.env for command in commands)
    return {n: v for n, v in first.items() if all(other.get(n) == v for other in others)}


_OF_NODE = 'exec sh "$0/$SLURMD_NODENAME.sh"'


def task_scripts(commands: Sequence[Command], common: Iterable[str], mark: str) -> dict[int, str]:
    """For each node a shell script that is each of its commands, by the number of their task.

    One for all would be read to its end by each of thousands. ``common``: names of variables that
    need not be set; ``mark``: the run's folder.
    """
    known = set(common)
    head = [f"export {_MARK}={shlex.quote(mark)}", 'case "$SLURM_PROCID" in']
    lines: dict[int, list[str]] = {}
    for number, command in enumerate(commands):
        lines.setdefault(command.node, list(head)).extend(_task(number, command, known))
    return {node: "\n".join([*of_node, "esac", ""]) for node, of_node in lines.items()}


def _task(number: int, command: Command, known: set[str]) -> list[str]:
    own = {name: value for name, value in command.env.items() if name not in known}
    return [
        f"{number})",
        *(f"export {name}={shlex.quote(value)}" for name, value in own.items()),
        f"exec {shlex.join(command.argv)}",
        ";;",
    ]


def _unused(run: RunDirectory, name: str) -> str:
    number = 0
    while os.path.exists(path := os.path.join(run.launch, f"{name}{number or ''}")):
        number += 1
    return path


def free_ports(nodes: Sequence[str], counts: Sequence[int]) -> list[list[int]]:
    """Ports that nobody listens on now, found on the nodes themselves. Raises SlurmError."""
    asked = [name for name, count in zip(nodes, counts, strict=False) if count]
    argv = [
        *srun(),
        f"--nodes={len(asked)}",
        f"--ntasks={len(asked)}",
        "--ntasks-per-node=1",
        f"--nodelist={','.join(asked)}",
        "--chdir=/",
        "--input=none",
        *(sys.executable, "-I", "-S", "-c", _PORTS, str(max(counts))),
    ]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=variables(os.environ),
            timeout=_PORTS_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SlurmError(f"srun found no free ports within {_PORTS_S:.0f} s") from None
    found = {
        name: [int(port) for port in ports]
        for word, name, *ports in (line.split() for line in done.stdout.decode().splitlines())
        if word == "ports"
    }
    missing = [name for name in asked if name not in found]
    if missing:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise SlurmError(f"no free ports were found on {', '.join(missing)}: {said}")
    return [
        found[name][:count] if count else [] for name, count in zip(nodes, counts, strict=False)
    ]


def agent(folder: str, mark: str, grace_s: float) -> str:
    """Write a program for ``AGENT HOST COMMAND...``, as rsh is: a shell command on a node.

    A TERM is not handed on: who calls it tells the daemons it has started by itself, and what such
    a daemon leaves on its node is told there, and has ``grace_s`` seconds. ``mark``: the run's
    folder.
    """
    path = os.path.join(folder, "agent.sh")
    os.makedirs(folder, exist_ok=True)
    ending = shlex.join([sys.executable, "-I", "-S", _END_HERE, mark, str(grace_s)])
    lines = [
        "#!/bin/sh",
        "host=$1",
        "shift",
        f"unset {' '.join(_OF_THE_BATCH_STEP)}",
        f"exec {shlex.join([*_tellable(''), *srun()])} --nodes=1 --ntasks=1 "
        '--nodelist="$host" --input=none '
        f"sh -c {shlex.quote(_MARKED)} {shlex.quote(mark)} "
        f"sh -c {shlex.quote(f'{_THEN} {ending} $?')} "
        'sh "$*"',
        "",
    ]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines))
    os.chmod(path, 0o755)
    return path
