"""From what the user wrote to a ``JobSpec``: all that needs no look into the source folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from runyard.config import (
    arguments,
    checks,
    commands,
    containers,
    distribution,
    entry,
    mpi,
    notebooks,
    references,
    relay,
    resources,
    run_based,
    same_script,
    secrets,
    unsupported,
)
from runyard.config.jobspec import JobSpec
from runyard.data import conflicts
from runyard.data.dataset_freezing import frozen_inputs, frozen_outputs
from runyard.data.freezing import frozen
from runyard.environments import cache, conda_planning, image_planning
from runyard.environments.planning import resolve
from runyard.errors import (
    ComputeTargetException,
    ExperimentExecutionException,
    RunConfigurationException,
)
from runyard.history.targets import TARGET_NOT_FOUND, load_target
from runyard.record import computes

if TYPE_CHECKING:
    from runyard.computes.protocol import ComputeTarget
    from runyard.config.references import Used
    from runyard.config.resources import Asked
    from runyard.config.run_configuration import RunConfiguration
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.environments.spec import EnvironmentSpec
    from runyard.history.workspace import Workspace
    from runyard.record.layout import WorkspaceDirectory


@dataclass(frozen=True, kw_only=True)
class Specified:
    """A configuration whose values are checked, and the run that it describes.

    ``source``: the source folder. ``target``: the compute target, of a pool that submitting will
    make one that is not recorded yet. ``spec``: what the runner will read. ``data``: what the run
    reads and leaves, as the configuration has it. ``environment_ready``: no build is needed.
    ``secrets``: variables handed to the runner in memory, never shown. ``notices``: sentences to
    read once.
    """

    config: ScriptRunConfig
    source: Path
    target: ComputeTarget
    spec: JobSpec
    data: Used
    environment_ready: bool
    secrets: dict[str, str] = field(repr=False)
    notices: tuple[str, ...] = ()


def specify(config: ScriptRunConfig, workspace: Workspace, *, refresh: bool = False) -> Specified:
    """Check a configuration but for the content of its source folder; changes nothing.

    Raises as ``planning.plan``, of which this is the first half.
    """
    run_config = config.run_config
    source = checks.source_directory(config.source_directory)
    target = _target(run_config, workspace.directory)
    unsupported.refuse(run_config)
    distributed = distribution.resolved(run_config)
    data = references.used(config)
    script, kind = entry.of(config.script, data.arguments, data.command, source)
    variables = _variables(run_config)
    references.check_mentioned(data, variables)
    asked = resources.asked(run_config, target, workspace.directory, variables)
    described = unsupported.with_conda_file(run_config.environment, source)
    added: tuple[str, ...] = ()
    if kind is not None and kind.kind == "notebook":
        described, added = notebooks.with_papermill(described)
    use_docker = run_config.docker.use_docker
    described, distributed = mpi.with_runtime(
        described,
        distributed,
        variables,
        run_config.communicator,
        in_image=image_planning.is_used(described.docker, use_docker),
    )
    environment = resolve(
        described, source_directory=source, use_docker=use_docker, refresh=refresh
    )
    if environment.image is not None:
        containers.check_variables(variables)
    plain, secret = secrets.split(variables)
    spec = _spec(
        config, source, environment, asked, plain, secret_names=tuple(sorted(secret)), data=data
    )
    spec = msgspec.structs.replace(distributed.of(spec), script=script, entry=kind)
    restarts = _restarts(run_config.max_restarts, target, spec.target)
    spec = msgspec.structs.replace(spec, max_restarts=restarts)
    spec = _with_data(spec, target, data, workspace.directory)
    entry.check(spec, source, variables)
    record = computes.read(workspace.directory, spec.target) or {}
    spec, fell_back = resources.fitted(target, spec, record)
    return Specified(
        config=config,
        source=source,
        target=target,
        spec=spec,
        data=data,
        environment_ready=_is_ready(environment),
        secrets={
            **secret,
            **image_planning.secrets(described),
            **conda_planning.tokens(described.python.conda_dependencies),
        },
        notices=(
            *added,
            *environment.notices,
            *relay.notices(data, spec),
            *_without_effect(run_config, environment),
            *asked.notices,
            *distributed.notices,
            *same_script.notices(spec),
            *fell_back,
            *_of_target(target, spec),
        ),
    )


def _with_data(
    spec: JobSpec, target: ComputeTarget, data: Used, directory: WorkspaceDirectory
) -> JobSpec:
    """With the data it reads and leaves, which is looked for now."""
    spec = msgspec.structs.replace(
        spec,
        data=frozen(relay.wanted(data, directory), directory),
        datasets=frozen_inputs(data.inputs, directory),
        outputs=frozen_outputs(data.outputs, directory),
    )
    conflicts.check(spec.data, spec.datasets, spec.outputs)
    return relay.relayed(spec, target, data.store, directory)


def find_target(name: str, workspace: WorkspaceDirectory) -> ComputeTarget:
    """The compute target of that name, of the workspace or of everywhere.

    Raises ExperimentExecutionException for no name (spec 9.2), RunConfigurationException for
    one that is not known.
    """
    if not name:
        raise ExperimentExecutionException(
            "the run has no compute target; give compute_target='local'"
        )
    try:
        return cast("ComputeTarget", load_target(name, workspace))
    except ComputeTargetException as error:
        why = error.message.removeprefix(TARGET_NOT_FOUND)
        raise RunConfigurationException(
            f"compute_target={name!r} cannot be used: {why}", error
        ) from error


def _target(run_config: RunConfiguration, workspace: WorkspaceDirectory) -> ComputeTarget:
    made = run_based.planned(run_config, workspace)
    return made or find_target(run_based.target_name(run_config), workspace)


def uses_cpu_instead(run_config: RunConfiguration, workspace: Workspace) -> bool:
    """Whether a GPU is asked for, is missing on the target, and the CPU is used in its place.

    Raises as ``plan`` does for the target and the variables.
    """
    if not run_config.use_gpu:
        return False
    target = find_target(run_config.target, workspace.directory)
    record = computes.read(workspace.directory, run_config.target) or {}
    return bool(resources.fallback(run_config, target, record, _variables(run_config)))


def _variables(run_config: RunConfiguration) -> dict[str, str]:
    """Those of the run win over those of the environment (spec 5)."""
    below = checks.variables(
        run_config.environment.environment_variables, "environment.environment_variables"
    )
    return {**below, **checks.variables(run_config.environment_variables)}


def _spec(
    config: ScriptRunConfig,
    source: Path,
    environment: EnvironmentSpec,
    asked: Asked,
    variables: dict[str, str],
    *,
    secret_names: tuple[str, ...],
    data: Used,
) -> JobSpec:
    run_config = config.run_config
    return JobSpec(
        source_directory=str(source),
        script=None,
        arguments=arguments.as_text(data.arguments),
        command=commands.resolved(data.command),
        target=run_based.target_name(run_config),
        environment=environment,
        environment_variables=variables,
        secret_variables=secret_names,
        max_run_duration_s=checks.duration_s(run_config.max_run_duration_seconds),
        container=containers.spec(run_config, environment),
        framework=run_config.framework or "Python",
        communicator=run_config.communicator or "None",
        vm_size=asked.vm_size,
        vm_priority=asked.vm_priority,
        resources=asked.resources,
        use_gpu=asked.use_gpu,
    )


def _restarts(given: object, target: ComputeTarget, name: str) -> int:
    most = checks.restarts(given)
    if most and not (hasattr(target, "adopt") or getattr(target, "STARTS_AGAIN", False)):
        raise RunConfigurationException(
            f"max_restarts={most} cannot be used: compute target {name!r} starts no lost run "
            "again, as 'local', Slurm and AmlCompute do; set max_restarts to 0"
        )
    return most


def _of_target(target: ComputeTarget, spec: JobSpec) -> list[str]:
    """What the target says of a run that it takes; not every target says something."""
    notices = getattr(target, "notices", None)
    return [] if notices is None else list(notices(spec))


def _is_ready(environment: EnvironmentSpec) -> bool:
    in_place = environment.kind == "user_managed" and environment.image is None
    return in_place or cache.built(environment.key) is not None


def _without_effect(run_config: RunConfiguration, environment: EnvironmentSpec) -> list[str]:
    """Settings that change nothing here, one sentence each."""
    notices = [
        *containers.without_effect(run_config, environment),
        *run_based.without_effect(run_config),
    ]
    if not run_config.history.output_collection:
        notices.append("history.output_collection=False has no effect: outputs are always kept")
    if not run_config.history.snapshot_project:
        notices.append("history.snapshot_project=False has no effect: the source is always kept")
    if list(run_config.history.directories_to_watch or ()) != ["logs"]:
        watched = run_config.history.directories_to_watch
        notices.append(f"history.directories_to_watch={watched!r} has no effect: ./logs is watched")
    return notices
