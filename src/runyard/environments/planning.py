"""From an ``Environment`` to its ``EnvironmentSpec``: every check that can be made beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from runyard.environments import (
    cache,
    conda_planning,
    conda_translation,
    interpreters,
    pip_settings,
    requirement_lines,
    source_builds,
    venv_tools,
)
from runyard.environments.conda_planning import CondaPart
from runyard.environments.environment import Environment
from runyard.environments.interpreters import Interpreter
from runyard.environments.pip_settings import PipSettings
from runyard.environments.requirement_lines import LocalPath, Requirements
from runyard.environments.spec import EnvironmentSpec
from runyard.errors import RunConfigurationException, UserErrorException

# Part of every key: raise it when the same plan is built differently than before.
_BUILD_FORMAT = 1
_KEY_DIGITS = 32
_REFRESHED = ("venv", "conda")


def resolve(
    environment: Environment, *, source_directory: Path, refresh: bool = False
) -> EnvironmentSpec:
    """Return the plan of an environment; looks at files and interpreters, changes nothing.

    Conda packages beyond Python and pip make it a conda environment; else it is a venv.
    ``source_directory``: what relative paths in requirements are relative to. ``refresh``: resolve
    what is not pinned again, in a build beside the one there is. Raises
    RunConfigurationException for what cannot be built yet, UserErrorException for a requirement
    that cannot be read, a Python that is not there, an interpreter that does not start, or a
    refresh of what is not built.
    """
    spec = _resolved(environment, source_directory)
    if refresh:
        return refreshed(spec)
    return msgspec.structs.replace(spec, key=cache.current(spec.key)) if spec.key else spec


def refreshed(spec: EnvironmentSpec) -> EnvironmentSpec:
    """The plan of a new build, which takes the place of the one there is when it is ready.

    Beside it, so that runs that use the present one, and reruns of them, keep it. Raises
    UserErrorException for an environment that is not built from packages.
    """
    if spec.kind not in _REFRESHED:
        raise UserErrorException(
            f"environment {spec.name!r} cannot be refreshed: runyard installs no packages into an "
            f"environment of kind {spec.kind!r}; leave --refresh out"
        )
    return msgspec.structs.replace(spec, key=os.urandom(_KEY_DIGITS // 2).hex(), refreshes=spec.key)


def _resolved(environment: Environment, source_directory: Path) -> EnvironmentSpec:
    _refuse_unbuilt(environment)
    if environment.python.user_managed_dependencies:
        return _user_managed(environment, source_directory)
    source_directory = source_directory.absolute()
    packages = conda_planning.packages_beyond_venv(environment.python.conda_dependencies)
    if not packages:
        return _venv(environment, source_directory, [])
    if conda_translation.is_wanted(environment.python.conda_backend):
        return _venv(environment, source_directory, packages)
    return _conda(environment, source_directory)


def _venv(
    environment: Environment, source_directory: Path, conda_packages: list[str]
) -> EnvironmentSpec:
    """Plan a virtual environment; ``conda_packages`` are installed by their names for pip."""
    asked = environment.python.conda_dependencies.get_python_version()
    interpreter = _found(environment, asked)
    translated = conda_translation.to_pip(conda_packages, environment.name)
    wanted, settings = _wanted(environment, source_directory, translated)
    tools = venv_tools.wanted(
        wanted.requirements, wanted.constraints, settings, interpreter.version
    )
    builds = source_builds.matching((*wanted.requirements, *wanted.constraints))
    return EnvironmentSpec(
        name=environment.name,
        kind="venv",
        python=asked,
        interpreter=interpreter.path,
        python_version=interpreter.version,
        requirements=tuple(wanted.requirements),
        constraints=tuple(wanted.constraints),
        tools=tools,
        source_builds=tuple(builds),
        options=tuple(wanted.options),
        key=_key([*_interpreter_identity(interpreter), *tools, *builds], wanted, settings),
        notices=(
            *_venv_notices(environment, asked, interpreter),
            *conda_translation.notices(conda_packages, translated),
            *source_builds.notices(builds),
            *wanted.notices,
        ),
    )


def _found(environment: Environment, asked: str | None) -> Interpreter:
    try:
        return interpreters.find(asked)
    except UserErrorException as error:
        place = environment.python.conda_dependencies.python_origin
        if place is None:
            raise
        raise UserErrorException(f"{place}: {error.message}", error) from error


def _conda(environment: Environment, source_directory: Path) -> EnvironmentSpec:
    part = CondaPart(environment.python.conda_dependencies, source_directory)
    wanted, settings = _wanted(environment, source_directory, [])
    key = _key(part.identity(), wanted, settings)
    part.check(cache.current(key))
    return EnvironmentSpec(
        name=environment.name,
        kind="conda",
        python=part.python,
        interpreter="",
        python_version=part.python_version,
        channels=part.channels,
        conda_packages=part.packages,
        requirements=tuple(wanted.requirements),
        constraints=tuple(wanted.constraints),
        options=tuple(wanted.options),
        key=key,
        notices=(*_docker_notices(environment), *wanted.notices),
    )


def _wanted(
    environment: Environment, source_directory: Path, more: list[str]
) -> tuple[Requirements, PipSettings]:
    """What pip's section asks for, then ``more``, with pip's own settings."""
    dependencies = environment.python.conda_dependencies
    wanted = requirement_lines.read(
        (*dependencies.pip_lines, *more), dependencies.origins, source_directory
    )
    settings = pip_settings.read()
    wanted.options += [f"--find-links {folder}" for folder in settings.relative_find_links]
    for name in settings.constraints:
        limits = requirement_lines.read_constraints_file(name, source_directory)
        wanted.constraints += limits.constraints
        # An address is left to uv.
        wanted.options += limits.options
    return wanted, settings.with_options(wanted.options)


def _user_managed(environment: Environment, source_directory: Path) -> EnvironmentSpec:
    interpreter = interpreters.user_managed(environment.python.interpreter_path, source_directory)
    notices: tuple[str, ...] = ()
    if environment.python.conda_dependencies.pip_lines:
        notices = ("the pip packages are not installed: python.user_managed_dependencies is True",)
    return EnvironmentSpec(
        name=environment.name,
        kind="user_managed",
        python=None,
        interpreter=interpreter.path,
        python_version=interpreter.version,
        notices=notices,
    )


def _venv_notices(
    environment: Environment, asked: str | None, interpreter: Interpreter
) -> list[str]:
    notices = []
    if asked and asked.lstrip("= ").count(".") == 2 and asked[-1] != "*":
        exact = asked.lstrip("= ").partition("=")[0]
        if exact[:1].isdigit() and exact != interpreter.version:
            notices.append(
                f"Python {exact} is not on this machine; {interpreter.version} is used "
                f"({interpreter.path})"
            )
    return [*notices, *_docker_notices(environment)]


def _docker_notices(environment: Environment) -> list[str]:
    if environment.docker.enabled:
        return ["no container is used: docker.enabled is True but no image is named"]
    return []


def _refuse_unbuilt(environment: Environment) -> None:
    images = environment.docker.images()
    for name, value in images.items():
        raise RunConfigurationException(
            f"environment {environment.name!r}: docker.{name} is {value!r}, but container images "
            f"cannot be built or used yet; leave docker.{name} at None to run in a virtual "
            "environment"
        )


def _key(
    identity: list[object],
    wanted: Requirements,
    settings: PipSettings,
) -> str:
    content = [
        *identity,
        # The order of requirements does not decide what is installed.
        sorted(wanted.requirements),
        sorted(wanted.constraints),
        wanted.options,
        # Without requirements nothing is fetched from anywhere.
        settings.identity() if wanted.requirements else [],
        [_content(item) for item in wanted.local_paths],
    ]
    return conda_planning.digest(content, _KEY_DIGITS)


def _interpreter_identity(interpreter: Interpreter) -> list[object]:
    return [
        _BUILD_FORMAT,
        interpreter.version,
        interpreter.implementation,
        interpreter.platform,
        interpreter.libc,
        # The venv links to this file: another build of the same version is another environment.
        os.path.realpath(interpreter.path),
    ]


def _content(item: LocalPath) -> list[str]:
    from runyard.environments import local_files

    return [str(item.path), local_files.digest(item.path, item.editable)]
