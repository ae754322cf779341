"""The sections of a run configuration (spec 5): plain data with protection against typos."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runyard.environments.sections import Section
from runyard.errors import RunConfigurationException

_BACKEND = "communication_backend"


class DockerConfiguration(Section):
    """Whether and how a run uses a container.

    ``use_docker`` (False), ``shared_volumes`` (True), ``arguments`` (list of text for the
    container engine, []; the caller's list is copied), ``shm_size`` (size of /dev/shm, '2g').
    """

    _names = ("use_docker", "shared_volumes", "arguments", "shm_size")

    def __init__(
        self,
        use_docker: bool = False,
        shared_volumes: bool = True,
        arguments: Iterable[str] | None = None,
        shm_size: str | None = "2g",
    ) -> None:
        self.use_docker = use_docker
        self.shared_volumes = shared_volumes
        self.arguments = list(arguments or ())
        self.shm_size = shm_size


class HistoryConfiguration(Section):
    """What of a run is kept.

    ``output_collection`` (True), ``snapshot_project`` (True), ``directories_to_watch``
    (['logs']). All three are always done here; other values give a notice.
    """

    _names = ("output_collection", "snapshot_project", "directories_to_watch")

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch = ["logs"]


class MpiConfiguration(Section):
    """An MPI job: ``process_count_per_node`` processes (1) on each of ``node_count`` nodes (1)."""

    _names = ("process_count_per_node", "node_count")

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        self.process_count_per_node = process_count_per_node
        self.node_count = node_count


class TensorflowConfiguration(Section):
    """A TensorFlow job of ``worker_count`` (1) and ``parameter_server_count`` (1) processes."""

    _names = ("worker_count", "parameter_server_count")

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count


class PyTorchConfiguration(Section):
    """A PyTorch job: ``process_count`` processes (None: one a node) on ``node_count`` nodes (1).

    ``communication_backend``: 'nccl' or 'gloo', kept in lower case; RunConfigurationException
    for any other.
    """

    _names = ("communication_backend", "process_count", "node_count")
    _BACKENDS = ("nccl", "gloo")

    def __init__(
        self,
        communication_backend: str = "Nccl",
        process_count: int | None = None,
        node_count: int = 1,
    ) -> None:
        self.communication_backend = communication_backend
        self.process_count = process_count
        self.node_count = node_count

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._backend(value) if name == _BACKEND else value)

    def _backend(self, given: object) -> str:
        backend = str(given).lower()
        if backend not in self._BACKENDS:
            raise RunConfigurationException(
                f"communication_backend={given!r} is not known; give 'nccl' (GPUs) or 'gloo' (CPUs)"
            )
        return backend


class ParallelTaskConfiguration(Section):
    """Independent tasks: ``max_retries_per_worker`` (0), ``worker_count_per_node`` (1),
    ``terminal_exit_codes`` (None)."""

    _names = ("max_retries_per_worker", "worker_count_per_node", "terminal_exit_codes")

    def __init__(self) -> None:
        self.max_retries_per_worker = 0
        self.worker_count_per_node = 1
        self.terminal_exit_codes: list[int] | None = None
