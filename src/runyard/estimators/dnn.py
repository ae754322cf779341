"""``PyTorch`` and ``TensorFlow``, and ``Chainer`` beside them (spec 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.errors import TrainingException
from runyard.estimators.caution import deprecated
from runyard.estimators.estimator import suggesting
from runyard.estimators.framework import FrameworkEstimator


class Chainer(FrameworkEstimator):
    """Trains with Chainer; the parameters are those of ``FrameworkEstimator``."""

    FRAMEWORK_NAME = "Chainer"


class PyTorch(FrameworkEstimator):
    """Trains with PyTorch; the parameters are those of ``FrameworkEstimator``.

    The script gets ``NCCL_TREE_THRESHOLD=0`` (spec 3.1), unless it is given another value.
    """

    FRAMEWORK_NAME = "PyTorch"
    _SUPPORTED_BACKENDS: tuple[str, ...] = ("mpi", "gloo", "nccl")


class TensorFlow(FrameworkEstimator):
    """Trains with TensorFlow; the parameters are those of ``FrameworkEstimator``, and two.

    ``worker_count``, ``parameter_server_count`` (1, int of at least 1; deprecated): processes of
    ``distributed_backend='ps'``.
    """

    FRAMEWORK_NAME = "TensorFlow"
    _SUPPORTED_BACKENDS: tuple[str, ...] = ("mpi", "ps")

    @suggesting
    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[Any, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        worker_count: int = 1,
        parameter_server_count: int = 1,
        distributed_backend: str | None = None,
        distributed_training: object = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: ContainerRegistry | None = None,
        user_managed: bool = False,
        conda_packages: Sequence[str] | None = None,
        pip_packages: Sequence[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, Any] | None = None,
        environment_definition: Environment | None = None,
        inputs: Sequence[object] | None = None,
        source_directory_data_store: object = None,
        shm_size: str | None = None,
        resume_from: object = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        self._set_up(dict(locals()))

    def _set_up(self, given: dict[str, Any]) -> None:
        for name in ("worker_count", "parameter_server_count"):
            _check_count(name, given[name])
        super()._set_up(given)


def _check_count(name: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise TrainingException(f"{name} is {count!r}; give a number of processes, at least 1")
    if count != 1:
        deprecated(
            f"{name} is deprecated; write distributed_training=TensorflowConfiguration({name}="
            f"{count}). "
            "Without distributed_backend='ps' it has no effect"
        )
