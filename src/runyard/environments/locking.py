"""The environment of an old run, rebuilt from its lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runyard.environments import conda_lock
from runyard.environments.container_sections import DockerBuildContext
from runyard.environments.environment import Environment
from runyard.environments.redaction import HIDDEN
from runyard.errors import UserErrorException
from runyard.record import jsonl

if TYPE_CHECKING:
    from runyard.record.layout import RunDirectory


def of_run(run: Any) -> Environment:
    """The environment of a run: a Run, or its RunDirectory.

    Raises UserErrorException when its environment was not built, or the run was not submitted.
    """
    directory: RunDirectory = getattr(run, "directory", run)
    record = _read(directory, directory.run_json)
    spec = (record.get("spec") or {}).get("environment")
    if not spec:
        raise UserErrorException(
            f"run {directory.id} was not submitted (it is of type {record.get('type')!r}), so it "
            "has no environment of its own"
        )
    environment = locked(
        built(directory),
        name=spec["name"],
        options=[*spec["options"]],
        channels=[*spec.get("channels", ())],
        of=f"run {directory.id}",
    )
    _set_image(environment, spec.get("image"), built(directory).get("image"))
    environment.environment_variables = _variables(record)
    return environment


def built(directory: RunDirectory) -> dict[str, Any]:
    """The content of a run's environment.json. Raises UserErrorException where there is none."""
    content = _read(directory, directory.environment_json)
    if content.get("ok") is False:
        message = (content.get("error") or {}).get("message", "it was not built")
        raise UserErrorException(
            f"run {directory.id} has no environment to rebuild: {message}; see "
            f"{directory.environment_log}"
        )
    return content


def locked(
    environment_json: Mapping[str, Any],
    *,
    name: str = "locked",
    options: Sequence[str] = (),
    channels: Sequence[str] = (),
    of: str = "the environment",
) -> Environment:
    """The environment that environment.json describes, every package at the version it had.

    ``options``: lines such as ``--extra-index-url URL`` that stand before the packages;
    ``channels``: of conda, those asked for, the preferred one first; ``of``:
    whose it is, for messages. A user-managed one is its interpreter, with the list of what
    it had, which is not installed. Raises UserErrorException for a kind without a lock.
    """
    environment = Environment(name)
    kind = environment_json.get("kind")
    if kind == "user_managed":
        environment.python.user_managed_dependencies = True
        environment.python.interpreter_path = str(environment_json["python"])
        if isinstance(environment_json.get("lock"), list):  # not of runs of older versions
            _set_packages(environment, environment_json, options)
        return environment
    if kind == "conda" and isinstance(environment_json.get("lock"), list):
        environment.python.conda_dependencies = conda_lock.dependencies(
            map(str, environment_json["lock"]), channels=channels, options=options
        )
        return environment
    if kind != "venv" or not isinstance(environment_json.get("lock"), list):
        raise UserErrorException(
            f"{of} is of kind {kind!r} and has no list of pip packages; it cannot be rebuilt"
        )
    _set_packages(environment, environment_json, options)
    return environment


def _set_image(
    environment: Environment, planned: Mapping[str, Any] | None, made: Mapping[str, Any] | None
) -> None:
    """The image that the environment was built on: exactly that where its registry has it."""
    if not planned:
        return
    docker = environment.docker
    if planned["context"]:
        docker.build_context = DockerBuildContext(
            None, planned["context"], planned["dockerfile_path"]
        )
    elif planned["dockerfile"]:
        docker.base_dockerfile = planned["dockerfile"]
    else:
        digests = (made or {}).get("base", {}).get("digests") or ()
        docker.base_image = next(iter(digests), planned["name"])
    docker.base_image_registry.address = planned["registry"] or None
    docker.base_image_registry.username = planned["username"] or None
    if planned["platform"]:
        docker.platform.architecture = planned["platform"].partition("/")[2]


def _set_packages(
    environment: Environment, environment_json: Mapping[str, Any], options: Sequence[str]
) -> None:
    dependencies = environment.python.conda_dependencies
    dependencies.set_python_version(str(environment_json["python_version"]))
    lines = [str(line).replace(f"{HIDDEN}@", "") for line in environment_json["lock"]]
    if options or lines:
        dependencies.set_pip_requirements([*options, *lines])


def _read(directory: RunDirectory, path: str) -> dict[str, Any]:
    try:
        return jsonl.read_json(path)
    except FileNotFoundError as error:
        raise UserErrorException(
            f"run {directory.id} has no environment yet: it was not built, {path!r} is missing",
            error,
        ) from error
    except (OSError, ValueError) as error:
        raise UserErrorException(f"run {directory.id} cannot be read: {error}", error) from error


def _variables(record: Mapping[str, Any]) -> dict[str, str]:
    """Those the environment had, without secrets."""
    described = (record.get("run_configuration") or {}).get("environment") or {}
    variables = described.get("environmentVariables") or {}
    return {name: str(value) for name, value in variables.items() if value != HIDDEN}
