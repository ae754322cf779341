"""Estimators of a framework: an ``Estimator`` that brings its packages (spec 3)."""

from __future__ import annotations

import copy
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from runyard.config import source_imports
from runyard.config.run_configuration import RunConfiguration
from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.environment import Environment
from runyard.errors import TrainingException
from runyard.estimators import communication, framework_data, framework_environment
from runyard.estimators.caution import warn
from runyard.estimators.estimator import Estimator, suggesting
from runyard.estimators.framework_data import Framework
from runyard.estimators.framework_environment import Added

if TYPE_CHECKING:
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.history.workspace import Workspace


class FrameworkEstimator(Estimator):
    """An ``Estimator`` whose environment has a framework; a subclass names it.

    Parameters are those of ``Estimator``, and: ``framework_version`` (text; None is
    ``DEFAULT_VERSION``, with a warning where there are others), one of
    ``get_supported_versions()``. The framework's packages, Python and variables join those of
    the user; where both say something, the user's counts, with a warning. With
    ``environment_definition``, a conda file or ``user_managed=True`` no packages are added.
    ``_enable_optimized_mode`` (False): the framework's packages are built as an environment of
    their own, and what you add on top of it; not where a package of yours takes the place of one,
    and not where processes talk over MPI.

    A subclass has ``FRAMEWORK_NAME``, the name of a data file of runyard or of the nearest
    workspace. Raises what ``Estimator`` does; TrainingException for a version that is not known.
    """

    FRAMEWORK_NAME: ClassVar[str]
    DEFAULT_VERSION: ClassVar[str]
    _framework: ClassVar[Framework]

    _variants: tuple[list[str], list[str]] | None = None
    """Our lines in the environment where a GPU is asked for, and those for the CPU."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "FRAMEWORK_NAME" in own and "_framework" not in own:
            cls._framework = framework_data.find(cls.FRAMEWORK_NAME)
        if "_framework" in vars(cls) and "DEFAULT_VERSION" not in own:
            cls.DEFAULT_VERSION = cls._framework.default

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

    @property
    def framework_version(self) -> str:
        """The version of the framework, by its name among the supported ones."""
        return self._version

    @classmethod
    def get_supported_versions(cls) -> list[str]:
        """The versions that ``framework_version`` may name, the oldest first."""
        return cls._described().supported()

    @classmethod
    def _described(cls) -> Framework:
        found: Framework | None = getattr(cls, "_framework", None)
        if found is None:
            raise TypeError(
                f"{cls.__name__} has no FRAMEWORK_NAME; use PyTorch or another class of a "
                "framework, or make one: runyard.framework('XGBoost')"
            )
        return found

    def _set_up(self, given: dict[str, Any]) -> None:
        self._version = self._chosen(given)
        _warn_of_own_environment(given, type(self).__name__)
        if given["_enable_optimized_mode"]:
            _check_optimized(given)
        super()._set_up(given)

    def _chosen(self, given: Mapping[str, Any]) -> str:
        framework, version = self._described(), given["framework_version"]
        if version is None:
            version = self.DEFAULT_VERSION
            if len(framework.versions) > 1 and not _is_user_managed(given):
                warn(f"framework_version is not specified, defaulting to version {version}.")
        if version not in framework.versions:
            raise TrainingException(_unsupported(type(self).__name__, version, framework))
        return str(version)

    def _configured(self, given: Mapping[str, Any]) -> RunConfiguration:
        run_config = super()._configured(given)
        wanted = self._described().versions[self._version].environment_variables
        environment = run_config.environment
        ours = {k: v for k, v in wanted.items() if k not in environment.environment_variables}
        # A definition is the caller's, and is not changed.
        holder = run_config if given["environment_definition"] is not None else environment
        holder.environment_variables = {**ours, **holder.environment_variables}
        return run_config

    def _packages(self, given: Mapping[str, Any]) -> Environment:
        environment = super()._packages(given)
        if given["user_managed"] or given["conda_dependencies_file"]:
            return environment
        framework = self._described()
        version = framework.versions[self._version]
        with_cpu = copy.deepcopy(environment) if given["use_gpu"] else None
        mpi = communication.is_mpi(given)
        add = functools.partial(
            framework_environment.add,
            framework=framework,
            version=version,
            mpi=mpi,
            image=bool(given["custom_docker_image"] or given["custom_docker_base_image"]),
            source_directory=Path(self._source_directory),
            left_out=self._not_imported(given["entry_script"], framework) if mpi else (),
        )
        added = add(environment, gpu=bool(given["use_gpu"]))
        _warn_of_overridden(added, f"{framework.name} {self._version}", version.python)
        # mpi4py is built against the MPI runtime, which the plan adds to what is the user's.
        alone = not added.overridden and not added.python and not mpi
        if given["_enable_optimized_mode"] and alone:
            environment.python.base_packages = list(added.kept)
        if with_cpu is not None:
            self._variants = (added.kept, add(with_cpu, gpu=False).kept)
        return environment

    def _not_imported(self, script: object, framework: Framework) -> set[str]:
        """Packages that the script can do without, as far as its imports tell.

        Horovod is built by a compiler, which not every machine has: a script that does not use it
        must not fail for it.
        """
        left_out = set(framework.if_imported)
        if left_out and isinstance(script, (str, os.PathLike)):
            source = Path(self._source_directory)
            found = source_imports.collect(source, str(script), sys.version_info[:2])
            left_out -= {item.module.partition(".")[0] for item in found.externals}
        return left_out

    def _fitted(self, config: ScriptRunConfig, workspace: Workspace) -> ScriptRunConfig:
        """With the packages for the CPU where a GPU is asked for and the CPU is used instead."""
        from runyard.config.specification import uses_cpu_instead

        if self._variants is None or not uses_cpu_instead(config.run_config, workspace):
            return config
        of_gpu, of_cpu = self._variants
        run_config = copy.copy(config.run_config)
        run_config.environment = copy.deepcopy(run_config.environment)
        dependencies = run_config.environment.python.conda_dependencies
        left = [line for line in dependencies.pip_lines if line not in of_gpu or line in of_cpu]
        new = [line for line in of_cpu if line not in left]
        dependencies.set_pip_requirements([*left, *new])
        if run_config.environment.python.base_packages is not None:
            run_config.environment.python.base_packages = list(of_cpu)
        config.run_config = run_config
        return config


def framework(name: str, workspace: Workspace | None = None) -> type[FrameworkEstimator]:
    """The estimator class of a framework that runyard or a workspace describes.

    ``name``: of a data file of runyard (``'XGBoost'``), or of ``frameworks/NAME.json`` in the
    folder of the workspace (None: the nearest one). Raises UserErrorException when there is none,
    or when its file is not what it must be (docs/frameworks.md).
    """
    found = framework_data.find(name, workspace)
    content = {"FRAMEWORK_NAME": found.name, "_framework": found, "__doc__": _doc(found)}
    return type(found.name, (FrameworkEstimator,), content)


def _doc(found: Framework) -> str:
    return f"Trains with {found.name}; the parameters are those of ``FrameworkEstimator``."


def _is_user_managed(given: Mapping[str, Any]) -> bool:
    definition = given["environment_definition"]
    if isinstance(definition, Environment):
        return bool(definition.python.user_managed_dependencies)
    return bool(given["user_managed"])


def _unsupported(estimator: str, version: object, framework: Framework) -> str:
    supported = framework.supported()
    near = next((item for item in supported if f"{version}.".startswith(f"{item}.")), None)
    hint = f"; did you mean {near!r}?" if near else "."
    return (
        f"framework_version={version!r} is not supported by {estimator}{hint} Supported are "
        f"{', '.join(map(repr, supported))}. For any other use the generic estimator: "
        f"Estimator(..., pip_packages=['{framework.package[0]}=={version}'])"
    )


def _warn_of_own_environment(given: Mapping[str, Any], estimator: str) -> None:
    for name in ("environment_definition", "conda_dependencies_file"):
        if given[name] or given.get(f"{name}_path"):
            warn(
                f"{name} is given: {estimator} installs no packages of the framework. It must "
                "name all that the script needs"
            )


def _warn_of_overridden(added: Added, framework: str, python: str) -> None:
    for theirs, ours in added.overridden:
        warn(
            f"{theirs!r} is installed instead of {ours!r} of {framework}, which was not tried; "
            f"beside it come {', '.join(added.kept) or 'no packages of ours'}. Where they do not "
            "fit together, building the environment fails"
        )
    if added.python:
        warn(
            f"Python {added.python} is used, and the packages of {framework} are made for "
            f"{python}; building the environment may fail"
        )


def _check_optimized(given: Mapping[str, Any]) -> None:
    """Refuse what SDK v1 refuses (spec 3.1), but for targets: it goes with any here."""
    for name in ("environment_definition", "custom_docker_image", "custom_docker_base_image"):
        if given[name]:
            raise TrainingException(
                f"_enable_optimized_mode=True and {name} are both given; the first is about the "
                "framework's own environment, which is not used then. Leave out one of them"
            )
    if str(given["entry_script"]).lower().endswith(".ipynb"):
        raise TrainingException(
            f"_enable_optimized_mode=True is not for notebooks ({given['entry_script']!r}); leave "
            "it out"
        )
