"""``DockerSection``: the container of an environment (spec 6)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from runyard.environments.container_sections import (
    ContainerRegistry,
    DockerBuildContext,
    PlatformSection,
)
from runyard.environments.sections import Section
from runyard.errors import UserErrorException

_IMAGES = ("base_image", "base_dockerfile", "build_context")
_OF_RUN = ("enabled", "shared_volumes", "arguments", "shm_size")
_INSTRUCTION = re.compile(r"^\s*FROM\s+\S", re.IGNORECASE | re.MULTILINE)

_log = logging.getLogger(__name__)


class DockerSection(Section):
    """The container of an environment.

    ``base_image``, ``base_dockerfile``, ``build_context`` (None): three ways to name the image;
    setting one clears the others with a warning. ``base_dockerfile`` takes the text of a
    Dockerfile, its path or an open file, and keeps the text. ``base_image_registry``
    (ContainerRegistry), ``platform``. ``enabled`` (False), ``shared_volumes`` (True),
    ``arguments`` ([]), ``shm_size`` ('2g') and ``gpu_support`` (always True) are deprecated and
    warn when they change: they belong to ``RunConfiguration.docker``.

    The default image of the original is not ours: None means no image was asked for. Raises
    UserErrorException for values of a wrong type, FileNotFoundError for a missing Dockerfile.
    """

    _names = (*_IMAGES, "base_image_registry", "platform", *_OF_RUN, "gpu_support")
    _parts: ClassVar = {"build_context": DockerBuildContext}

    base_image: str | None
    base_dockerfile: Any
    build_context: DockerBuildContext | None
    enabled: bool
    shared_volumes: bool
    arguments: list[str]
    shm_size: str | None
    gpu_support: bool

    def __init__(self) -> None:
        # Not by setting: that would warn, and clear what is not there yet.
        self.__dict__.update(dict.fromkeys(_IMAGES))
        self.base_image_registry = ContainerRegistry()
        self.platform = PlatformSection()
        self.__dict__.update(
            enabled=False, shared_volumes=True, arguments=[], shm_size="2g", gpu_support=True
        )

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        super().__setattr__(name, _checked(name, value))
        if name in _IMAGES and value is not None:
            self._clear_others(name)
        elif name in _OF_RUN and value != before:  # a file that is read sets them all
            _log.warning("docker.%s is deprecated; set RunConfiguration.docker instead", name)
        elif name == "gpu_support" and not value:
            _log.warning("docker.gpu_support is deprecated: GPUs are always passed on")

    def images(self) -> dict[str, Any]:
        """Return the image settings that are set: at most one."""
        return {name: self.__dict__[name] for name in _IMAGES if self.__dict__[name]}

    def _clear_others(self, name: str) -> None:
        for other in _IMAGES:
            if other != name and self.__dict__[other] is not None:
                _log.warning("docker.%s is cleared: docker.%s was set after it", other, name)
                self.__dict__[other] = None


def _checked(name: str, value: Any) -> Any:
    """The value as it is kept."""
    if name == "base_dockerfile" and value is not None:
        return dockerfile_text(value)
    if name == "arguments":
        return _arguments(value)
    kinds = {"build_context": DockerBuildContext, "base_image_registry": ContainerRegistry}
    kind = kinds.get(name)
    if kind is not None and not isinstance(value, kind) and (value is not None or name in _OWN):
        raise UserErrorException(
            f"docker.{name} is {value!r} of type {type(value).__name__}; give a {kind.__name__}"
        )
    if name == "base_image" and value is not None and not isinstance(value, str):
        raise UserErrorException(
            f"docker.base_image is {value!r} of type {type(value).__name__}; give the name of an "
            "image, such as 'ubuntu:22.04'"
        )
    return True if name == "gpu_support" else value


_OWN = ("base_image_registry",)


def _arguments(value: Any) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UserErrorException(
            f"docker.arguments is {value!r}; give a list of text, such as ['--ipc=host']"
        )
    return list(value)


def dockerfile_text(given: object) -> str:
    """The text of a Dockerfile given as text, path or open file (spec 6).

    Raises FileNotFoundError for a path that is missing, UserErrorException for what is none.
    """
    if hasattr(given, "read"):
        content = given.read()
        return content.decode() if isinstance(content, bytes) else str(content)
    if isinstance(given, os.PathLike):
        path = Path(given).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"docker.base_dockerfile: there is no file {str(path)!r}")
        return path.read_text(encoding="utf-8")
    if not isinstance(given, str):
        raise UserErrorException(
            f"docker.base_dockerfile is {given!r} of type {type(given).__name__}; give the text of "
            "a Dockerfile, its path, or an open file"
        )
    if _INSTRUCTION.search(given):
        return given
    path = Path(given).expanduser()
    if "\n" not in given and path.is_file():
        return path.read_text(encoding="utf-8")
    raise UserErrorException(
        f"docker.base_dockerfile={given[:80]!r} is neither a file nor the text of a Dockerfile: "
        "it holds no FROM instruction"
    )
