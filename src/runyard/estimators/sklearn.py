"""``SKLearn``: training with scikit-learn, in one process (spec 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.estimators.estimator import suggesting
from runyard.estimators.framework import FrameworkEstimator

_SINGLE: Mapping[str, Any] = {
    "node_count": 1,
    "process_count_per_node": 1,
    "distributed_backend": None,
    "distributed_training": None,
    "use_gpu": False,
    "custom_docker_base_image": None,
    "source_directory_data_store": None,
}
"""Parameters of other estimators that this one has not."""


class SKLearn(FrameworkEstimator):
    """Trains with scikit-learn, in one process without GPUs.

    The parameters are those of ``FrameworkEstimator`` but for the ones of more processes and GPUs.
    """

    FRAMEWORK_NAME = "SKLearn"
    _SUPPORTED_BACKENDS: tuple[str, ...] = ()

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
        use_docker: bool = True,
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
        shm_size: str | None = None,
        resume_from: object = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        self._set_up({**_SINGLE, **locals()})
