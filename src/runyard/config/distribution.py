"""The configurations of distributed jobs, as words of a run configuration (spec 2.2, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)

if TYPE_CHECKING:
    from runyard.config.run_configuration import RunConfiguration

_SECTIONS: Mapping[type, str] = {
    MpiConfiguration: "mpi",
    ParallelTaskConfiguration: "paralleltask",
    PyTorchConfiguration: "pytorch",
    TensorflowConfiguration: "tensorflow",
}


def configure(run_config: RunConfiguration, job: Any) -> None:
    """Make a job's configuration the section of its kind, with framework and communicator.

    ``job``: of one of the four classes, or a subclass. How many nodes is not looked at.
    """
    kind = next(kind for kind in _SECTIONS if isinstance(job, kind))
    words = {
        MpiConfiguration: ("Python", "IntelMpi"),
        ParallelTaskConfiguration: ("Python", "ParallelTask"),
        PyTorchConfiguration: ("PyTorch", getattr(job, "communication_backend", "")),
        TensorflowConfiguration: ("TensorFlow", "ParameterServer"),
    }
    run_config.framework, run_config.communicator = words[kind]
    setattr(run_config, _SECTIONS[kind], job)


def nodes(job: Any) -> int:
    """How many nodes a ScriptRunConfig asks for; parameter servers have none of their own."""
    count: int = job.worker_count if isinstance(job, TensorflowConfiguration) else job.node_count
    return count
