"""The scripts by which the tasks of one srun are each a command of their own."""

from __future__ import annotations

import subprocess

from runyard.computes.channels import Command
from runyard.computes.slurm import steps


def commands(count: int, each: int) -> list[Command]:
    argv = ["sh", "-c", 'echo "$RUNYARD_RUN_DIRECTORY: $RANK of $SIZE"']
    return [Command(n // each, argv, {"RANK": str(n), "SIZE": "it's all"}) for n in range(count)]


def test_a_node_reads_of_its_own_tasks_alone() -> None:
    few, many = (steps.task_scripts(commands(n, 4), (), "/run") for n in (8, 4000))
    assert list(few) == [0, 1]
    assert list(many) == list(range(1000))
    assert few[0] == many[0]
    assert max(map(len, many.values())) < len(few[0]) + 50


def test_each_task_is_its_command() -> None:
    scripts = steps.task_scripts(commands(4, 2), (), "/a run")
    for task, node in enumerate((0, 0, 1, 1)):
        argv = ["sh", "-c", scripts[node]]
        env = {"PATH": "/usr/bin:/bin", "SLURM_PROCID": str(task)}
        said = subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout
        assert said == f"/a run: {task} of it's all\n"


def test_what_all_are_given_is_not_repeated() -> None:
    scripts = steps.task_scripts(commands(2, 2), ("SIZE",), "/run")
    assert "export RANK=1" in scripts[0]
    assert "export SIZE" not in scripts[0]
