"""``MMLBaseEstimatorRunConfig``: a run configuration of an estimator's parameters (spec 2.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runyard.config.run_configuration import RunConfiguration
from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.estimators.caution import deprecated
from runyard.estimators.estimator import Estimator


class MMLBaseEstimatorRunConfig(RunConfiguration):
    """A RunConfiguration as an ``Estimator`` with the same parameters has it; None: its default.

    Deprecated: ``Estimator`` or ``RunConfiguration``. Raises what ``Estimator`` does.
    """

    def __init__(  # noqa: PLR0917
        self,
        compute_target: Any,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[Any, Any] | None = None,
        node_count: int | None = None,
        process_count_per_node: int | None = None,
        distributed_backend: str | None = None,
        use_gpu: bool | None = None,
        use_docker: bool | None = None,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: ContainerRegistry | None = None,
        user_managed: bool = False,
        conda_packages: Sequence[str] | None = None,
        pip_packages: Sequence[str] | None = None,
        environment_definition: Environment | None = None,
        inputs: Sequence[object] | None = None,
        source_directory_data_store: object = None,
        shm_size: str | None = None,
    ) -> None:
        given = dict(locals())
        parameters = {name: value for name, value in given.items() if value is not None}
        for name in ("self", "__class__"):
            parameters.pop(name, None)
        deprecated("MMLBaseEstimatorRunConfig is deprecated; write Estimator(...).run_config")
        super().__init__()
        made = Estimator(None, **parameters).run_config
        for name in RunConfiguration._names:
            setattr(self, name, getattr(made, name))
