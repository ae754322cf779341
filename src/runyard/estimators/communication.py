"""How the processes of an estimator's run find each other: its words in a run configuration.

``distributed_backend`` is the older way to say it, ``distributed_training`` the newer (spec 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runyard.config import distribution
from runyard.config.run_configuration import RunConfiguration
from runyard.config.sections import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.errors import TrainingException
from runyard.estimators import distributed
from runyard.estimators.distributed import FRAMEWORKS, Gloo, Mpi, Nccl, ParameterServer

_CONFIGURATIONS: Mapping[type, tuple[str, ...]] = {
    MpiConfiguration: FRAMEWORKS,
    ParallelTaskConfiguration: FRAMEWORKS,
    PyTorchConfiguration: ("pytorch", "estimator"),
    TensorflowConfiguration: ("tensorflow", "estimator"),
}
_DESCRIPTORS = (Mpi, ParameterServer, Gloo, Nccl)

KINDS: tuple[type, ...] = (*_DESCRIPTORS, *_CONFIGURATIONS)
"""What ``distributed_training`` may be; of a subclass of one too."""


def check(training: object, estimator: type) -> None:
    """Raise TrainingException unless an estimator can use what ``distributed_training`` is.

    By class: a subclass of an estimator counts as the estimator it was made of (spec 2.4, 9).
    """
    if training is None:
        return
    if not isinstance(training, KINDS):
        names = ", ".join(kind.__name__ for kind in KINDS)
        raise TrainingException(
            f"distributed_training is {training!r} of type {type(training).__name__}; give one of "
            f"{names}"
        )
    name = _name(estimator)
    if isinstance(training, _DESCRIPTORS):
        training.validate(name)
        return
    allowed = next(names for kind, names in _CONFIGURATIONS.items() if isinstance(training, kind))
    if name not in allowed:
        raise TrainingException(distributed.unsupported(training, name, allowed))


def _name(estimator: type) -> str:
    """The name under which the rules know an estimator: the nearest of its ancestors'."""
    names = (ancestor.__name__.lower() for ancestor in estimator.__mro__)
    return next((name for name in names if name in FRAMEWORKS), "estimator")


def configure(run_config: RunConfiguration, given: Mapping[str, Any]) -> None:
    """Write into a run configuration how many processes there are, and how they talk.

    ``given``: the checked parameters of an estimator. ``distributed_training`` counts where
    both are given.
    """
    run_config.node_count = given["node_count"]
    training, backend = given["distributed_training"], given["distributed_backend"]
    if training is not None:
        _by_object(run_config, training)
    elif backend is not None:
        _by_name(run_config, str(backend).lower(), given)


def _by_object(run_config: RunConfiguration, training: Any) -> None:
    words = {
        Mpi: ("python", "Mpi"),
        ParameterServer: ("tensorflow", "ParameterServer"),
        Gloo: ("pytorch", "Gloo"),
        Nccl: ("pytorch", "Nccl"),
    }
    kind = next((kind for kind in words if isinstance(training, kind)), None)
    if kind is None:
        distribution.configure(run_config, training)
        return
    run_config.framework, run_config.communicator = words[kind]
    if kind is Mpi:
        run_config.mpi.process_count_per_node = training.process_count_per_node
    elif kind is ParameterServer:
        _set_servers(run_config, training.worker_count, training.parameter_server_count)


def _by_name(run_config: RunConfiguration, backend: str, given: Mapping[str, Any]) -> None:
    if backend == "mpi":
        run_config.communicator = "IntelMpi"
        run_config.mpi.process_count_per_node = given["process_count_per_node"]
    elif backend == "ps":
        run_config.framework, run_config.communicator = "TensorFlow", "ParameterServer"
        _set_servers(run_config, given["worker_count"], given["parameter_server_count"])
    else:
        run_config.framework, run_config.communicator = "PyTorch", backend
        if given["process_count_per_node"] != 1:  # without effect in SDK v1
            total = given["process_count_per_node"] * given["node_count"]
            run_config.pytorch.process_count = total


def _set_servers(run_config: RunConfiguration, workers: int, servers: int) -> None:
    run_config.tensorflow.worker_count = workers
    run_config.tensorflow.parameter_server_count = servers


def agree(backend: str, training: object, backends: Sequence[str]) -> bool:
    """Whether distributed_backend, in lower case, and distributed_training say the same.

    An estimator whose ``backends`` are MPI only takes nothing but MpiConfiguration beside it (spec
    2.4, 8b).
    """
    if tuple(backends) == ("mpi",):
        return isinstance(training, MpiConfiguration)
    if isinstance(training, PyTorchConfiguration):
        return bool(training.communication_backend == backend)
    if isinstance(training, _DESCRIPTORS):
        return str(training) == backend
    words: Mapping[str, type] = {"mpi": MpiConfiguration, "ps": TensorflowConfiguration}
    return isinstance(training, words.get(backend, ()))


def is_mpi(given: Mapping[str, Any]) -> bool:
    """Whether the processes talk over MPI."""
    if isinstance(given["distributed_training"], (Mpi, MpiConfiguration)):
        return True
    return str(given["distributed_backend"]).lower() == "mpi"
