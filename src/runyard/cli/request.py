"""What ``runyard submit`` was asked for, and the ``ScriptRunConfig`` it stands for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.cli import processes
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.environments.environment import Environment


@dataclass(frozen=True)
class Request:
    """One run to submit; paths are absolute but for ``script``, which lies in the source.

    ``experiment`` None: named after the source folder. ``python``: a version, None for the
    interpreter of runyard. ``user_managed``: use that interpreter with its packages. ``image``:
    of the container to use; its own Python is used unless packages or a version are asked for.
    ``shm_size``, ``docker_arguments``: as of ``DockerConfiguration``.
    ``distributed``: how processes talk, one of ``processes.WORDS``; ``worker_count`` and
    ``parameter_server_count`` are of 'ps'. ``refresh``: resolve unpinned packages again.
    """

    source_directory: str
    script: str | None = None
    arguments: tuple[Any, ...] = ()
    command: str | tuple[Any, ...] | None = None
    experiment: str | None = None
    pip_packages: tuple[str, ...] = ()
    pip_requirements_file: str | None = None
    python: str | None = None
    user_managed: bool = False
    image: str | None = None
    shm_size: str | None = None
    docker_arguments: tuple[str, ...] = ()
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    display_name: str | None = None
    max_run_duration_seconds: float | None = None
    max_restarts: int | None = None
    target: str | None = None
    distributed: str | None = None
    node_count: int | None = None
    process_count_per_node: int | None = None
    worker_count: int | None = None
    parameter_server_count: int | None = None
    refresh: bool = False

    @property
    def experiment_name(self) -> str:
        """The experiment: as given, else the source folder's name made valid."""
        if self.experiment is not None:
            return self.experiment
        return valid_name(os.path.basename(self.source_directory))

    def config(self) -> ScriptRunConfig:
        """The configuration to submit. Raises what its constructor raises."""
        from runyard.config.script_run_config import ScriptRunConfig

        config = ScriptRunConfig(
            self.source_directory,
            self.script,
            list(self.arguments) or None,
            command=list(self.command) if isinstance(self.command, tuple) else self.command,
            compute_target=self.target,
            environment=self._environment(),
        )
        if self.max_run_duration_seconds is not None:
            config.run_config.max_run_duration_seconds = self.max_run_duration_seconds
        config.run_config.max_restarts = self.max_restarts
        config.run_config.environment_variables = dict(self.environment_variables)
        if self.shm_size is not None:
            config.run_config.docker.shm_size = self.shm_size
        config.run_config.docker.arguments = list(self.docker_arguments)
        processes.configure(config.run_config, self)
        return config

    def _environment(self) -> Environment:
        from runyard.estimators.environment import assembled

        self._check_user_managed()
        file = self.pip_requirements_file
        if file is not None and not os.path.isfile(file):
            raise UserErrorException(
                f"requirements file {file!r} does not exist; give its path with --requirements"
            )
        environment = assembled(
            pip_packages=list(self.pip_packages),
            requirements_file=None if file is None else Path(file),
            conda_packages=None,
            user_managed=self.user_managed or (self.image is not None and not self._installed()),
        )
        if self.python is not None:
            environment.python.conda_dependencies.set_python_version(self.python)
        if self.image is not None:
            environment.docker.base_image = self.image
        return environment

    def _installed(self) -> list[str]:
        """What of the environment is not there already, in words."""
        given = {
            "pip packages": self.pip_packages,
            "a requirements file": self.pip_requirements_file,
            "a Python version": self.python,
            "--refresh": self.refresh,
        }
        return [name for name, value in given.items() if value]

    def _check_user_managed(self) -> None:
        others = self._installed()
        if self.user_managed and others:
            raise UserErrorException(
                "the current interpreter is used as it is (user_managed), so "
                f"{' and '.join(others)} cannot be asked for; leave out one or the other"
            )


def valid_name(name: str) -> str:
    """An experiment name that resembles a folder's (letters, digits, '-' and '_')."""
    text = re.sub(r"[^A-Za-z0-9_\-]+", "-", name).lstrip("-_").rstrip("-")[:255]
    return text or "default"


def locate(script: str, source: str | None) -> tuple[str, str]:
    """The source folder and the script's path inside it, for a script as it was typed.

    Without ``source``: the current directory when the script lies in it or below, else the
    script's own folder. With it: the script is looked for from the current directory, then in
    the source folder.
    """
    here = os.getcwd()
    path = os.path.abspath(script)
    if source is None:
        folder = here if is_below(path, here) else os.path.dirname(path)
        return folder, os.path.relpath(path, folder)
    folder = os.path.abspath(source)
    if os.path.isfile(path) and is_below(path, folder):
        return folder, os.path.relpath(path, folder)
    return folder, script


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path lies in a folder, by name alone."""
    return os.path.commonpath([path, folder]) == folder and path != folder


def tags(given: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE`` and ``KEY`` texts as tags. Raises UserErrorException without a key."""
    return dict(_pair(text, "--tag")[::2] for text in given)


def variables(given: tuple[str, ...]) -> dict[str, str]:
    """``NAME=VALUE`` texts; ``NAME`` alone takes the value it has here."""
    found = {}
    for text in given:
        name, equals, value = _pair(text, "--env")
        if any(character.isspace() for character in name):
            raise UserErrorException(
                f"--env {text!r}: the name of a variable has no white space; give --env NAME=VALUE"
            )
        if not equals and name not in os.environ:
            raise UserErrorException(
                f"--env {name!r} takes its value from this shell, where it is not set; "
                f"give --env {name}=VALUE"
            )
        found[name] = value if equals else os.environ[name]
    return found


def _pair(text: str, option: str) -> tuple[str, str, str]:
    """Name, '=' if there is one, value."""
    name, equals, value = text.partition("=")
    if not name:
        raise UserErrorException(f"{option} {text!r} has no name; give {option} NAME=VALUE")
    return name, equals, value
