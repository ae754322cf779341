"""From an ``Environment`` to its ``EnvironmentSpec``: every check that can be made beforehand."""

from __future__ import annotations

import json
import os
from pathlib import Path

from runyard.environments import interpreters, pip_settings, requirement_lines
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.interpreters import Interpreter
from runyard.environments.names import package_name
from runyard.environments.requirement_lines import LocalPath, Requirements
from runyard.environments.spec import EnvironmentSpec
from runyard.errors import RunConfigurationException

# Part of every key: raise it when the same plan is built differently than before.
_BUILD_FORMAT = 1
_KEY_DIGITS = 32
# What uv provides or needs itself; pip in the environment comes with another issue.
_PROVIDED = frozenset(("python", "pip"))


def resolve(environment: Environment, *, source_directory: Path) -> EnvironmentSpec:
    """Return the plan of an environment; looks at files and interpreters, changes nothing.

    ``source_directory``: what relative paths in requirements are relative to. Raises
    RunConfigurationException for what cannot be built yet, UserErrorException for a requirement
    that cannot be read, a Python that is not there or an interpreter that does not start.
    """
    _refuse_unbuilt(environment)
    if environment.python.user_managed_dependencies:
        return _user_managed(environment, source_directory)
    return _venv(environment, source_directory.absolute())


def _venv(environment: Environment, source_directory: Path) -> EnvironmentSpec:
    dependencies = environment.python.conda_dependencies
    asked = dependencies.get_python_version()
    interpreter = interpreters.find(asked)
    wanted = requirement_lines.read(
        dependencies.pip_lines, dependencies.pip_origins, source_directory
    )
    settings = pip_settings.read()
    wanted.options += [f"--find-links {folder}" for folder in settings.relative_find_links]
    for name in settings.constraints:
        limits = requirement_lines.read_constraints_file(name, source_directory)
        wanted.constraints += limits.constraints
        # An address is left to uv.
        wanted.options += limits.options
    return EnvironmentSpec(
        name=environment.name,
        kind="venv",
        python=asked,
        interpreter=interpreter.path,
        python_version=interpreter.version,
        requirements=tuple(wanted.requirements),
        constraints=tuple(wanted.constraints),
        options=tuple(wanted.options),
        key=_key(interpreter, wanted, settings.with_options(wanted.options).identity()),
        notices=(*_venv_notices(environment, asked, interpreter), *wanted.notices),
    )


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
    if environment.docker.enabled:
        notices.append("no container is used: docker.enabled is True but no image is named")
    return notices


def _refuse_unbuilt(environment: Environment) -> None:
    images = environment.docker.images()
    for name, value in images.items():
        raise RunConfigurationException(
            f"environment {environment.name!r}: docker.{name} is {value!r}, but container images "
            f"cannot be built or used yet; leave docker.{name} at None to run in a virtual "
            "environment"
        )
    if environment.python.user_managed_dependencies:
        return
    packages = _conda_packages(environment.python.conda_dependencies)
    if packages:
        raise RunConfigurationException(
            f"environment {environment.name!r}: conda_packages holds {', '.join(packages)}, but "
            "conda packages cannot be installed yet; name the pip packages with pip_packages, "
            "or use an interpreter that has them (python.user_managed_dependencies = True)"
        )


def _conda_packages(dependencies: CondaDependencies) -> list[str]:
    packages = dependencies.conda_packages
    return [package for package in packages if package_name(package) not in _PROVIDED]


def _key(interpreter: Interpreter, wanted: Requirements, index_settings: list[str]) -> str:
    # blake3 and the hashing of files are imported only by those who plan.
    from blake3 import blake3

    content = [
        _BUILD_FORMAT,
        interpreter.version,
        interpreter.implementation,
        interpreter.platform,
        interpreter.libc,
        # The venv links to this file: another build of the same version is another environment.
        os.path.realpath(interpreter.path),
        # The order of requirements does not decide what is installed.
        sorted(wanted.requirements),
        sorted(wanted.constraints),
        wanted.options,
        # Without requirements nothing is fetched from anywhere.
        index_settings if wanted.requirements else [],
        [_content(item) for item in wanted.local_paths],
    ]
    return blake3(json.dumps(content).encode()).hexdigest()[:_KEY_DIGITS]


def _content(item: LocalPath) -> list[str]:
    from runyard.environments import local_files

    return [str(item.path), local_files.digest(item.path, item.editable)]
