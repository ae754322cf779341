"""``Estimator``: a training script with its arguments, packages and place (spec 2)."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from runyard.config import arguments, datasets, references
from runyard.config.run_based import TEMPORARY
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import DockerConfiguration
from runyard.environments import image_planning
from runyard.environments.container_sections import ContainerRegistry
from runyard.environments.docker_section import DockerSection
from runyard.environments.environment import Environment
from runyard.errors import TrainingException
from runyard.estimators import communication, validation
from runyard.estimators.base import MMLBaseEstimator, refuse_others
from runyard.estimators.environment import assembled, from_conda_file

if TYPE_CHECKING:
    from runyard.config.references import Collected

_P = ParamSpec("_P")
_OF_SCRIPT_RUN_CONFIG = {
    "script": "entry_script",
    "arguments": "script_params",
    "environment": "environment_definition",
}


def suggesting(init: Callable[_P, None]) -> Callable[_P, None]:
    """Let a constructor's TypeError for an unknown keyword say which one may be meant."""
    known = frozenset(getattr(init, "__kwdefaults__", None) or ()) | {"source_directory"}

    @functools.wraps(init)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> None:
        for name in kwargs.keys() - known:
            raise TypeError(_unknown(init.__qualname__, name, known))
        init(*args, **kwargs)

    return checked


def _unknown(function: str, name: str, known: frozenset[str]) -> str:
    import difflib

    like = _OF_SCRIPT_RUN_CONFIG.get(name)
    close = [like] if like else difflib.get_close_matches(name, sorted(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{function}() got an unexpected keyword argument {name!r}{hint}"


class Estimator(MMLBaseEstimator):
    """Describes how to run a training script; ``Experiment.submit`` runs it.

    ``source_directory`` (str or path; '' and None are '.'): the folder that is copied for the
    run. ``entry_script`` (str): path of the script inside it. ``script_params`` (dict): its
    arguments, flattened in order; ``''`` makes a bare flag (spec 2.3). ``compute_target`` (name,
    or an object with a ``name``; 'local' is this machine) or ``vm_size`` (name of a machine size
    of Azure, such as 'STANDARD_NC6') is needed: without the first a target of that size is made
    for the run. ``vm_priority`` ('dedicated' or 'lowpriority', None). ``use_gpu`` (False): the
    script needs a GPU; where the target has none, submitting fails, or the run uses the CPU if
    that is allowed (docs/machine-sizes.md). ``node_count`` (1), ``distributed_training`` (None):
    nodes, and how their processes find each other, such as ``MpiConfiguration()``;
    ``distributed_backend`` and ``process_count_per_node`` are older words for that.
    ``pip_packages`` (list of text), ``pip_requirements_file`` (path inside the folder;
    ``pip_requirements_file_path`` is an older spelling): installed into a virtual environment of
    the submitting interpreter's version.
    ``conda_packages`` (list; more than 'python=X' and 'pip' makes it a conda environment).
    ``conda_dependencies_file`` (path inside the folder; ``conda_dependencies_file_path`` is an
    older spelling): taken as it stands, instead of the lists. ``user_managed`` (False): use an
    interpreter as it is; ``run_config.environment.python.interpreter_path`` names it.
    ``environment_definition`` (Environment): instead of all of these; used as it is, not copied.
    ``environment_variables`` (dict). ``max_run_duration_seconds`` (number, None: no limit).
    ``custom_docker_image`` (name of an image; ``custom_docker_base_image`` is an older spelling):
    the run uses a container of it, in which the packages are installed; with ``user_managed`` the
    Python in the image is used as it is. ``image_registry_details`` (ContainerRegistry): where
    the image is. ``shm_size`` (text such as '8g', None: '2g'): of the container's /dev/shm.
    ``use_docker`` (True): without an image no container is used.
    ``inputs`` (list of data references, datastores and datasets such as
    ``dataset.as_named_input('images').as_mount()``): available to the run, as are those among
    keys and values of ``script_params``. ``source_directory_data_store`` (datastore, or its
    name): the script gets it too. ``resume_from`` (Run or DataPath): the script gets
    ``--resume-from PATH`` last, where the outputs of that run are (spec 2.7).

    With ``_disable_validation=False`` (True) submitting looks at the script and warns, and never
    fails: ``_show_lint_warnings`` (False) of undefined names and of syntax that the environment's
    Python does not have, ``_show_package_warnings`` (False) of imports that the environment lacks.

    Entry script and source folder are looked up on submit. Raises TrainingException, or
    UserErrorException where spec 2.4 says so; TypeError for an unknown keyword. No list, dict or
    Environment of the caller is changed.
    """

    _SUPPORTED_BACKENDS: tuple[str, ...] = ("mpi",)

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
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        self._set_up(dict(locals()))

    def _set_up(self, given: dict[str, Any]) -> None:
        """Check the constructor's parameters, by their names, and keep what they make."""
        validation.warn_of_deprecated(given)
        for name in ("conda_dependencies_file", "pip_requirements_file"):
            given[name] = given[name] or given[f"{name}_path"]
        validation.check(given, type(self), self._SUPPORTED_BACKENDS)
        self._source_directory = given["source_directory"] or "."
        self._compute_target = given["compute_target"]
        self._distributed_backend = given["distributed_backend"]
        self._manual_restart_used = given["resume_from"] is not None
        self._script_params = dict(arguments.checked_params(given["script_params"] or {}))
        self._inputs = references.checked_inputs(given["inputs"])
        self._store = given["source_directory_data_store"]
        self._resume = references.resumed(given["resume_from"])
        self._run_config = self._configured(given)
        self._arguments = list(self._run_config.arguments)
        shown = {"lint": given["_show_lint_warnings"], "packages": given["_show_package_warnings"]}
        on = () if given["_disable_validation"] else tuple(kind for kind in shown if shown[kind])
        self._script_checks = on

    def _configured(self, given: Mapping[str, Any]) -> RunConfiguration:
        """The run configuration of the checked parameters."""
        items, self._used = self._data(self._script_params, self._inputs, self._store)
        run_config = RunConfiguration(script=given["entry_script"], arguments=items)
        run_config.data_references = references.configurations(self._used.references)
        run_config.data = datasets.sections(self._used.inputs)
        run_config.output_data = datasets.output_sections(self._used.outputs)
        run_config.source_directory_data_store = references.store_name(self._store)
        run_config.target = given["compute_target"] or TEMPORARY
        run_config.amlcompute.vm_size = given["vm_size"]
        run_config.amlcompute.vm_priority = given["vm_priority"]
        run_config.amlcompute.cluster_max_node_count = given["node_count"]
        run_config.use_gpu = True if given["use_gpu"] else None
        communication.configure(run_config, given)
        run_config.environment = self._environment(given)
        run_config.docker = _docker(given, run_config.environment.docker)
        run_config.environment_variables = _copied(given["environment_variables"])
        run_config.max_run_duration_seconds = given["max_run_duration_seconds"]
        return run_config

    def _data(
        self, params: Mapping[Any, Any], inputs: Sequence[object], store: object
    ) -> tuple[list[Any], Collected]:
        """The script's arguments, and the data of a run by name (spec 2.2)."""
        items = arguments.from_script_params(params)
        found = references.all_among((*items, *inputs, store))
        items = references.as_text(items)
        if self._resume is not None:
            items += [references.RESUME_ARGUMENT, str(self._resume)]
            found.references[references.RESUME] = self._resume
        return items, found

    def _environment(self, given: Mapping[str, Any]) -> Environment:
        definition: Environment | None = given["environment_definition"]
        if definition is not None:
            return definition
        environment = self._packages(given)
        image = given["custom_docker_image"] or given["custom_docker_base_image"]
        if image:
            environment.docker.base_image = image
        if given["image_registry_details"] is not None:
            environment.docker.base_image_registry = given["image_registry_details"]
        return environment

    def _packages(self, given: Mapping[str, Any]) -> Environment:
        if given["conda_dependencies_file"]:
            return from_conda_file(self._path(given, "conda_dependencies_file"))
        return assembled(
            pip_packages=given["pip_packages"],
            requirements_file=(
                self._path(given, "pip_requirements_file")
                if given["pip_requirements_file"]
                else None
            ),
            conda_packages=given["conda_packages"],
            user_managed=given["user_managed"],
        )

    def _path(self, given: Mapping[str, Any], name: str) -> Path:
        return validation.file_path(name, given[name], self._source_directory)

    def _overridden(self, overrides: Mapping[str, Any]) -> ScriptRunConfig:
        refuse_others(overrides)
        config = self._get_script_run_config()
        given = {name: value for name, value in overrides.items() if value is not None}
        if given:
            self._override(config, given)
        return config

    def _override(self, config: ScriptRunConfig, given: Mapping[str, Any]) -> None:
        """Give ``config`` a run configuration of its own, with what is said for this run."""
        params = self._script_params
        if "script_params" in given:
            params = self._merged(given["script_params"])
        inputs = references.checked_inputs(given["inputs"]) if "inputs" in given else self._inputs
        store = given.get("source_directory_data_store", self._store)
        items, wanted = self._data(params, inputs, store)
        config.run_config = copy.copy(self._run_config)
        self._use(config.run_config, wanted)
        if "script_params" in given:
            config.arguments = items
        if "source_directory_data_store" in given:
            config.run_config.source_directory_data_store = references.store_name(store)

    def _use(self, run_config: RunConfiguration, wanted: Collected) -> None:
        """Give it the data of one run: what it has, but for what the constructor's parameters
        made of others."""
        used = self._used
        parts: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any], Any], ...] = (
            ("data_references", used.references, wanted.references, references.configurations),
            ("data", used.inputs, wanted.inputs, datasets.sections),
            ("output_data", used.outputs, wanted.outputs, datasets.output_sections),
        )
        for name, was, now, made in parts:
            changed = {key: item for key, item in now.items() if was.get(key) != item}
            present = getattr(self._run_config, name)
            kept = {k: v for k, v in present.items() if k in now or k not in was}
            setattr(run_config, name, {**kept, **made(changed)})

    def _merged(self, params: object) -> dict[Any, Any]:
        """Merging is on the dict: pairs cannot be told apart in a list with bare flags."""
        override = arguments.checked_params(params)
        if self._run_config.arguments != self._arguments:
            raise TrainingException(
                "script_params cannot be overridden: run_config.arguments was changed since the "
                "estimator was made, so it is not known which argument belongs to which "
                "parameter. Change run_config.arguments instead"
            )
        return {**self._script_params, **override}


def _docker(given: Mapping[str, Any], of_environment: DockerSection) -> DockerConfiguration:
    """An environment that the user defined brings its options; use_docker is the estimator's."""
    use_docker = bool(given["use_docker"])
    if image_planning.is_unused_default(of_environment, use_docker=False):
        # True is the default here, and no wish for the default image of SDK v1.
        use_docker = False
    if given["environment_definition"] is None:
        return DockerConfiguration(use_docker=use_docker, shm_size=given["shm_size"])
    return DockerConfiguration(
        use_docker, of_environment.shared_volumes, of_environment.arguments, of_environment.shm_size
    )


def _copied(variables: Any) -> Any:
    """A copy of a dict, {} for None; anything else is refused on submit."""
    if variables is None:
        return {}
    return dict(variables) if isinstance(variables, Mapping) else variables
