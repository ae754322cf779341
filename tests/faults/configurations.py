"""What the trials of ``random_kills`` submit, by their kind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from runyard import Environment, MpiConfiguration, PyTorchConfiguration, ScriptRunConfig
from runyard.config.sections import DockerConfiguration
from tests import mpi_environments
from tests.computes import pools
from tests.container_engines import BASE
from tests.faults import cluster_kills
from tests.faults.trials import POOLED, SLURM, Trial

IN_CONTAINERS = ("container", "containers", "client")
"""Kinds that need an engine."""


def of(trial: Trial, source: Path, arguments: list[Any]) -> ScriptRunConfig:
    """The script of a trial, as the kind of the trial needs it."""
    given: dict[str, Any] = {"environment": _environment(trial.kind)}
    if trial.kind in POOLED:
        given["compute_target"] = pools.NAME
    if trial.kind in SLURM:
        given["compute_target"] = cluster_kills.TARGET
    if trial.kind in IN_CONTAINERS:
        shared = str(trial.starts.parent)
        mount = DockerConfiguration(arguments=["--volume", f"{shared}:{shared}"])
        given["docker_runtime_config"] = mount
    job = _job(trial.kind)
    return ScriptRunConfig(
        str(source), "train.py", arguments=arguments, distributed_job_config=job, **given
    )


def _environment(kind: str) -> Environment:
    if kind in IN_CONTAINERS:
        environment = Environment.from_docker_image("storm", BASE)
        environment.python.interpreter_path = "python3"
        return environment
    environment = Environment("storm")
    environment.python.user_managed_dependencies = True
    python = mpi_environments.python("mpich") if kind == "mpi" else sys.executable
    environment.python.interpreter_path = python
    return environment


def _job(kind: str) -> Any:
    if kind == "gang":
        return PyTorchConfiguration("gloo", 2)
    if kind == "slurm-rank":
        return PyTorchConfiguration("gloo", 2, node_count=2)
    if kind == "containers":
        return PyTorchConfiguration("gloo", process_count=2, node_count=2)
    return MpiConfiguration(2) if kind == "mpi" else None
