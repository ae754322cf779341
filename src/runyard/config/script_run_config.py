"""``ScriptRunConfig``: a source folder, what of it runs, and how (spec 4)."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runyard.config import commands, distribution, references
from runyard.config.run_configuration import RunConfiguration, copied, target_name
from runyard.config.sections import (
    DockerConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments.environment import Environment
from runyard.errors import RunConfigurationException

if TYPE_CHECKING:
    from runyard.config.data_sections import DataReferenceConfiguration
    from runyard.history.experiment import Experiment
    from runyard.history.run import Run

MAX_DURATION_SECONDS_DEFAULT = 2592000
"""Thirty days."""

SHOW_OUTPUT_HINT = "; to see the output: run.wait_for_completion(show_output=True)"
"""For those who do as the documentation of SDK v1 said and its code did not."""


class ScriptRunConfig:
    """Describes a run of a script, or of a command.

    ``source_directory`` (str or path, '.'): the folder that is copied for the run. ``script``:
    path inside it. ``arguments``: list of text and numbers. ``command``: text for the shell or
    an argv list, instead of script and arguments. ``compute_target``: name of a target, or an
    object with a ``name`` ('local'). ``environment``: Environment (a virtual environment of the
    submitting interpreter). ``distributed_job_config``: TensorflowConfiguration, MpiConfiguration
    or PyTorchConfiguration, which becomes a section of ``run_config`` and sets its framework,
    communicator and nodes (spec 4).
    ``max_run_duration_seconds``: 2592000; None is no limit.

    ``run_config``: a RunConfiguration with all of that, or the name of a ``.runconfig`` file in
    the source folder, which is read now. ``script``, ``arguments`` and
    ``command`` given here win over those in it; the other parameters are then ignored, with a
    warning. It is not copied: later changes to it count, and this class never changes it.

    Arguments, also those in an argv list, may be data references: the script gets their paths.
    ``resume_from``: a Run, or a DataPath: the script gets ``--resume-from PATH`` last, where the
    outputs of that run are (spec 2.7), a command only $AZUREML_DATAREFERENCE_MODEL_LOCATION.

    Nothing is looked up before submit. Raises UserErrorException for script and command
    together and for a ``resume_from`` of another type, RunConfigurationException for parameters
    of a wrong type.
    """

    MAX_DURATION_SECONDS_DEFAULT = MAX_DURATION_SECONDS_DEFAULT

    def __init__(  # noqa: PLR0917
        self,
        source_directory: str | os.PathLike[str] | None,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        run_config: RunConfiguration | str | None = None,
        _telemetry_values: object = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: object = None,
        resume_from: object = None,
        max_run_duration_seconds: float | None = MAX_DURATION_SECONDS_DEFAULT,
        command: str | Sequence[Any] | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        commands.refuse_both(script, arguments, command)
        _check_job(distributed_job_config)
        docker = None if docker_runtime_config is None else _checked_docker(docker_runtime_config)
        self.source_directory = source_directory or "."
        self._own: dict[str, Any] = {}
        given = {
            "script": script,
            "arguments": None if arguments is None else copied(arguments),
            "command": command,
        }
        if run_config is None:
            self.run_config = RunConfiguration(script, arguments, command=command)
            self._fill(compute_target, environment, max_run_duration_seconds)
            if docker is not None:
                self.run_config.docker = docker
            if distributed_job_config is not None:
                distribution.configure(self.run_config, distributed_job_config)
                self.run_config.node_count = distribution.nodes(distributed_job_config)
        else:
            self.run_config = _checked_run_config(run_config, self.source_directory)
            self._own = {name: value for name, value in given.items() if value is not None}
            _warn_overridden(self._own, self.run_config)
            _warn_ignored(
                compute_target=compute_target,
                environment=environment,
                distributed_job_config=distributed_job_config,
                docker_runtime_config=docker,
                max_run_duration_seconds=_unless_default(max_run_duration_seconds),
            )
        self._data_references = self._resume(resume_from)

    def _resume(self, resume_from: object) -> dict[str, DataReferenceConfiguration]:
        """Extend the arguments for ``resume_from``; returns the data reference it becomes."""
        reference = references.resumed(resume_from)
        if reference is None:
            return {}
        given = self.arguments
        if not self.command and isinstance(given, (list, tuple)):  # else refused on submit
            self._own["arguments"] = [*given, references.RESUME_ARGUMENT, str(reference)]
        return references.configurations({references.RESUME: reference})

    def _fill(self, target: Any, environment: Environment | None, limit_s: float | None) -> None:
        if target is not None:
            self.run_config.target = target_name(target)
        if environment is not None:
            self.run_config.environment = _checked_environment(environment)
        self.run_config.max_run_duration_seconds = limit_s

    @property
    def script(self) -> Any:
        """Path of the script inside the source folder, or None."""
        return self._entry("script", rival="command", nothing=None)

    @script.setter
    def script(self, value: str | None) -> None:
        self._own["script"] = value

    @property
    def arguments(self) -> Any:
        """The script's arguments: text and numbers."""
        return self._entry("arguments", rival="command", nothing=[])

    @arguments.setter
    def arguments(self, value: Sequence[Any] | None) -> None:
        self._own["arguments"] = copied(value)

    @property
    def command(self) -> Any:
        """What runs instead of a script; '' or None for nothing."""
        return self._entry("command", rival="script", nothing=None)

    @command.setter
    def command(self, value: str | Sequence[Any] | None) -> None:
        self._own["command"] = value

    def __repr__(self) -> str:
        what = f"command={self.command!r}" if self.command else f"script={self.script!r}"
        target = self.run_config.target
        return f"ScriptRunConfig({str(self.source_directory)!r}, {what}, compute_target={target!r})"

    def _entry(self, name: str, rival: str, nothing: Any) -> Any:
        """What was given here; else that of run_config, unless its rival was given here."""
        if name in self._own:
            return self._own[name]
        return nothing if self._own.get(rival) else getattr(self.run_config, name)

    def submit_to(
        self,
        experiment: Experiment,
        *,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
        parent: Run | None = None,
        refresh: bool = False,
        **overrides: Any,
    ) -> Run:
        """Start a run in an experiment; ``Experiment.submit`` calls this (spec 4).

        ``run_id``: a name for the run, unused so far; None makes one. ``refresh``: resolve unpinned
        packages again, in a new build of the environment. Raises TypeError for
        ``overrides``, of which a ScriptRunConfig has none, and what ``planning.plan`` and
        ``submission.submit`` raise.
        """
        _refuse_overrides(overrides)
        from runyard.config import submission

        return submission.submit(
            self, experiment, tags=tags, run_id=run_id, parent=parent, refresh=refresh
        )


def get_run_config_from_script_run(script_run_config: ScriptRunConfig) -> RunConfiguration:
    """A RunConfiguration that runs what a ScriptRunConfig does, to be saved; a copy."""
    made = copy.copy(script_run_config.run_config)
    made.script = script_run_config.script
    made.arguments = references.as_text(script_run_config.arguments)
    made.command = references.as_text(script_run_config.command) or ""
    used = references.used(script_run_config)
    made.data_references = used.references
    made.data, made.output_data = used.inputs, used.outputs
    return made


def _check_job(job: object) -> None:
    kinds = (TensorflowConfiguration, MpiConfiguration, PyTorchConfiguration)
    if job is not None and not isinstance(job, kinds):
        allowed = "a " + " or ".join(kind.__name__ for kind in kinds)
        raise _wrong_type("distributed_job_config", job, allowed)


def _checked_docker(docker: object) -> DockerConfiguration:
    if isinstance(docker, DockerConfiguration):
        return docker
    raise _wrong_type("docker_runtime_config", docker, "a DockerConfiguration")


def _checked_run_config(run_config: object, source: str | os.PathLike[str]) -> RunConfiguration:
    if isinstance(run_config, RunConfiguration):
        return run_config
    if isinstance(run_config, str):
        return RunConfiguration.load(source, run_config)
    raise _wrong_type("run_config", run_config, "a RunConfiguration")


def _checked_environment(environment: object) -> Environment:
    if isinstance(environment, Environment):
        return environment
    raise _wrong_type("environment", environment, "an Environment, such as Environment('my-env')")


def _wrong_type(parameter: str, value: object, allowed: str) -> Exception:
    return RunConfigurationException(
        f"{parameter} is {value!r} of type {type(value).__name__}; give {allowed}"
    )


def _unless_default(limit_s: float | None) -> float | None:
    return None if limit_s == MAX_DURATION_SECONDS_DEFAULT else limit_s


def _warn_overridden(own: dict[str, Any], run_config: RunConfiguration) -> None:
    for name, value in own.items():
        theirs = getattr(run_config, name)
        if theirs and theirs != value:
            _warn(f"{name}={value!r} is used; run_config.{name}={theirs!r} is not")


def _warn_ignored(**parameters: object) -> None:
    given = [name for name, value in parameters.items() if value is not None]
    if given:
        _warn(
            f"{', '.join(given)} ignored because run_config is given; set "
            f"{'them' if len(given) > 1 else 'it'} on run_config"
        )


def _warn(text: str) -> None:
    warnings.warn(f"ScriptRunConfig: {text}", UserWarning, stacklevel=4)


def _refuse_overrides(overrides: dict[str, Any]) -> None:
    if not overrides:
        return
    hint = SHOW_OUTPUT_HINT if "show_output" in overrides else ""
    names = ", ".join(repr(name) for name in overrides)
    raise TypeError(f"submit() of a ScriptRunConfig takes no parameter {names}{hint}")
