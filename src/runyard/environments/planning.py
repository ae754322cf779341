"""From an ``Environment`` to its ``EnvironmentSpec``: every check that can be made beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from runyard.environments import (
    azureml_packages,
    bases,
    cache,
    conda_planning,
    conda_translation,
    default_python,
    image_planning,
    image_python,
    interpreters,
    names,
    pip_settings,
    requirement_lines,
    source_builds,
    vanished,
    venv_tools,
)
from runyard.environments.conda_planning import CondaPart
from runyard.environments.environment import Environment
from runyard.environments.interpreters import Interpreter
from runyard.environments.pip_settings import PipSettings
from runyard.environments.requirement_lines import LocalPath, Requirements
from runyard.environments.spec import EnvironmentSpec, ImageSpec
from runyard.errors import UserErrorException

# Part of every key: raise it when the same plan is built differently than before.
_BUILD_FORMAT = 1
_KEY_DIGITS = 32


def resolve(
    environment: Environment,
    *,
    source_directory: Path,
    use_docker: bool = False,
    refresh: bool = False,
) -> EnvironmentSpec:
    """Return the plan of an environment; looks at files and interpreters, changes nothing.

    Conda packages beyond Python and pip make it a conda environment; else it is a venv.
    ``source_directory``: what relative paths in requirements are relative to. ``use_docker``: a
    container is asked for, so that a default image of SDK v1 counts as well. ``refresh``: resolve
    what is not pinned again, in a build beside the one there is. Raises
    RunConfigurationException for what cannot be built yet, UserErrorException for a requirement
    that cannot be read, a Python that is not there, an interpreter that does not start, or a
    refresh of what is not built.
    """
    source_directory = source_directory.absolute()
    image = image_planning.of(environment, source_directory, use_docker)
    spec = _resolved(environment, source_directory, image)
    notices = image_planning.notices(environment, image, use_docker)
    if notices:
        spec = msgspec.structs.replace(spec, notices=(*notices, *spec.notices))
    if refresh:
        return refreshed(spec)
    return msgspec.structs.replace(spec, key=cache.current(spec.key)) if spec.key else spec


def refreshed(spec: EnvironmentSpec) -> EnvironmentSpec:
    """The plan of a new build, which takes the place of the one there is when it is ready.

    Beside it, so that runs that use the present one, and reruns of them, keep it. Raises
    UserErrorException for an interpreter of this machine, which is not built.
    """
    if not spec.key:
        raise UserErrorException(
            f"environment {spec.name!r} cannot be refreshed: runyard installs no packages into an "
            f"environment of kind {spec.kind!r}; leave --refresh out"
        )
    image = spec.image
    if image is not None and image.prefix_key:
        image = msgspec.structs.replace(image, prefix_key=_new_key())
    # Without a base: it has the packages of old.
    return msgspec.structs.replace(spec, key=_new_key(), refreshes=spec.key, image=image, base=None)


def _new_key() -> str:
    return os.urandom(_KEY_DIGITS // 2).hex()


def _resolved(
    environment: Environment, source_directory: Path, image: ImageSpec | None
) -> EnvironmentSpec:
    if environment.python.user_managed_dependencies:
        if image is not None:
            return _user_managed_image(environment, image)
        return _user_managed(environment, source_directory)
    packages = conda_planning.packages_beyond_venv(environment.python.conda_dependencies)
    if packages and not conda_translation.is_wanted(environment.python.conda_backend):
        return _conda(environment, source_directory, image)
    if image is not None:
        return _venv_in_image(environment, source_directory, packages, image)
    return _venv(environment, source_directory, packages)


def _venv(
    environment: Environment, source_directory: Path, conda_packages: list[str]
) -> EnvironmentSpec:
    """Plan a virtual environment; ``conda_packages`` are installed by their names for pip."""
    asked = environment.python.conda_dependencies.get_python_version()
    interpreter = _found(environment, asked)
    translated = conda_translation.to_pip(conda_packages, environment.name)
    wanted, settings = _wanted(environment, source_directory, translated)
    spec = _venv_of(environment.name, asked, interpreter, wanted, settings)
    part, unused = bases.part_of(environment, wanted, source_directory)
    if part is not None:
        base = _venv_of(bases.name_of(part), asked, interpreter, part, settings)
        spec = _based(spec, base)
    notices = (
        *_venv_notices(environment, asked, interpreter),
        *conda_translation.notices(conda_packages, translated),
        *unused,
        *spec.notices,
    )
    return vanished.noticed(msgspec.structs.replace(spec, notices=notices))


def _based(spec: EnvironmentSpec, base: EnvironmentSpec) -> EnvironmentSpec:
    """The plan of an environment that is made from another."""
    base = msgspec.structs.replace(base, key=cache.current(base.key), notices=())
    key = conda_planning.digest([spec.key, "base", base.key], _KEY_DIGITS)
    return msgspec.structs.replace(spec, key=key, base=base)


def _venv_of(
    name: str,
    asked: str | None,
    interpreter: Interpreter,
    wanted: Requirements,
    settings: PipSettings,
) -> EnvironmentSpec:
    tools = venv_tools.wanted(
        wanted.requirements, wanted.constraints, settings, interpreter.version
    )
    builds = source_builds.matching(wanted.requirements, wanted.constraints)
    return EnvironmentSpec(
        name=name,
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
        notices=(*source_builds.notices(builds), *wanted.notices),
    )


def _found(environment: Environment, asked: str | None) -> Interpreter:
    if asked is None:
        return default_python.interpreter()
    try:
        return interpreters.find(asked)
    except UserErrorException as error:
        place = environment.python.conda_dependencies.python_origin
        if place is None:
            raise
        raise UserErrorException(f"{place}: {error.message}", error) from error


def _venv_in_image(
    environment: Environment, source_directory: Path, conda_packages: list[str], image: ImageSpec
) -> EnvironmentSpec:
    """Plan a layer of packages; which Python the image has is seen when it is built."""
    asked = environment.python.conda_dependencies.get_python_version()
    translated = conda_translation.to_pip(conda_packages, environment.name)
    wanted, settings = _wanted(environment, source_directory, translated)
    wanted = image_planning.as_copies(wanted)
    spec = _venv_in_image_of(environment.name, asked, wanted, settings, image)
    part, unused = bases.part_of(environment, wanted, source_directory)
    if part is not None:
        part = image_planning.as_copies(part)
        base = _venv_in_image_of(bases.name_of(part), asked, part, settings, image)
        spec = _based(spec, base)
    notices = (
        *conda_translation.notices(conda_packages, translated),
        *unused,
        *spec.notices,
        *_bare_notices(wanted),
    )
    return msgspec.structs.replace(spec, notices=notices)


def _venv_in_image_of(
    name: str,
    asked: str | None,
    wanted: Requirements,
    settings: PipSettings,
    image: ImageSpec,
) -> EnvironmentSpec:
    version = image_python.known_version(asked)
    tools = venv_tools.wanted(wanted.requirements, wanted.constraints, settings, version)
    builds = source_builds.matching(wanted.requirements, wanted.constraints)
    identity = [*image_planning.identity(image), "venv", asked, *tools, *builds]
    return EnvironmentSpec(
        name=name,
        kind="venv",
        python=asked,
        interpreter="",
        python_version=version,
        requirements=tuple(wanted.requirements),
        constraints=tuple(wanted.constraints),
        tools=tools,
        source_builds=tuple(builds),
        options=tuple(wanted.options),
        key=_key(identity, wanted, settings),
        notices=(*source_builds.notices(builds), *wanted.notices),
        image=image,
    )


def _bare_notices(wanted: Requirements) -> list[str]:
    if wanted.requirements:
        return []
    return [
        "the script gets a Python without packages: those of the image itself are seen with "
        "python.user_managed_dependencies=True"
    ]


def _conda(
    environment: Environment, source_directory: Path, image: ImageSpec | None
) -> EnvironmentSpec:
    part = CondaPart(environment.python.conda_dependencies, source_directory)
    wanted, settings = _wanted(environment, source_directory, [])
    builds = source_builds.matching(wanted.requirements, wanted.constraints)
    based = bool(environment.python.base_packages)
    identity = [*part.identity(), *builds]
    key = _key(identity, wanted, settings)
    part.check(cache.current(key))
    if image is not None:
        wanted = image_planning.as_copies(wanted)
        prefix_key = _key(identity, wanted, settings)
        image = msgspec.structs.replace(image, prefix_key=prefix_key)
        # Its place is written into the files of a conda environment.
        identity = [*image_planning.identity(image), "conda", cache.prefix(prefix_key)]
        key = conda_planning.digest(identity, _KEY_DIGITS)
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
        source_builds=tuple(builds),
        options=tuple(wanted.options),
        key=key,
        notices=(
            *(["python.base_packages is not used where there are conda packages"] if based else []),
            *source_builds.notices(builds),
            *wanted.notices,
        ),
        image=image,
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
    settings = settings.with_options(wanted.options)
    if wanted.azureml:
        named = {*map(names.of_line, (*wanted.requirements, *dependencies.conda_packages))}
        brought = azureml_packages.brought(wanted.azureml, named, settings.require_hashes)
        wanted.requirements += brought.lines
        wanted.notices += brought.notices
    return wanted, settings


def _user_managed(environment: Environment, source_directory: Path) -> EnvironmentSpec:
    interpreter = interpreters.user_managed(environment.python.interpreter_path, source_directory)
    return EnvironmentSpec(
        name=environment.name,
        kind="user_managed",
        python=None,
        interpreter=interpreter.path,
        python_version=interpreter.version,
        notices=_not_installed(environment),
    )


def _user_managed_image(environment: Environment, image: ImageSpec) -> EnvironmentSpec:
    interpreter = image_python.checked_path(environment.python.interpreter_path)
    identity = [*image_planning.identity(image), "user_managed", interpreter]
    return EnvironmentSpec(
        name=environment.name,
        kind="user_managed",
        python=None,
        interpreter=interpreter,
        python_version="",
        key=conda_planning.digest(identity, _KEY_DIGITS),
        notices=_not_installed(environment),
        image=image,
    )


def _not_installed(environment: Environment) -> tuple[str, ...]:
    if not environment.python.conda_dependencies.pip_lines:
        return ()
    return ("the pip packages are not installed: python.user_managed_dependencies is True",)


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
    return notices


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
