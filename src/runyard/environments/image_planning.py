"""The image part of a plan: which image, from where, without asking any engine or registry."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.environments import build_contexts
from runyard.environments.redaction import has_credentials
from runyard.environments.requirement_lines import LocalPath, Requirements
from runyard.environments.secret_names import REGISTRY_PASSWORD
from runyard.environments.spec import ImageSpec
from runyard.errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from runyard.environments.container_sections import PlatformSection
    from runyard.environments.docker_section import DockerSection
    from runyard.environments.environment import Environment

# Part of every key: raise it when the same plan is built differently than before.
_BUILD_FORMAT = 1
# What SDK v1 wrote into every file, whether a container was wanted or not.
_ORIGINAL_DEFAULT = re.compile(
    r"^mcr\.microsoft\.com/azureml/(?:base(?:-gpu)?|(?:intelmpi|openmpi)[^/:@]*)(?:[:@]|$)"
)
_REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")
_FILE = re.compile(r"^/.*[^/]\.(?:sif|sqsh|img)$")
"""An image that apptainer or enroot made, for a cluster."""
_ADDRESS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?(?:/[A-Za-z0-9][A-Za-z0-9._/-]*)?$")
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def of(environment: Environment, source_directory: Path, use_docker: bool) -> ImageSpec | None:
    """The image that the environment names, None when it names none.

    A default image of SDK v1 counts only where a container is asked for, with ``use_docker`` or
    ``docker.enabled``: every file of that time names one. Raises UserErrorException for a name,
    address or build context that cannot be used, RunConfigurationException for what is not built.
    """
    docker = environment.docker
    if not is_used(docker, use_docker):
        return None
    address, username = _login(docker)
    common = {"username": username, "platform": _platform(docker.platform)}
    if docker.base_image:
        name = _full_name(docker.base_image, address)
        return ImageSpec(name=name, registry=registry_of(name) if username else "", **common)
    common["registry"] = address if username else ""
    if docker.build_context:
        location, file = build_contexts.located(docker.build_context, source_directory)
        return ImageSpec(context=location, dockerfile_path=file, **common)
    return ImageSpec(dockerfile=docker.base_dockerfile, **common)


def is_used(docker: DockerSection, use_docker: bool) -> bool:
    """Whether an image is named, and counts."""
    return bool(docker.images()) and not is_unused_default(docker, use_docker)


def is_unused_default(docker: DockerSection, use_docker: bool) -> bool:
    """Whether the image is a default of SDK v1's, and no container was asked for."""
    named = docker.base_image
    asked = use_docker or docker.enabled
    return bool(named and _ORIGINAL_DEFAULT.match(named)) and not asked


def secrets(environment: Environment) -> dict[str, str]:
    """The registry's password under the name of the runner's variable for it; empty without.

    ``docker.base_image_registry.password``, else the same variable of this process.
    """
    registry = environment.docker.base_image_registry
    if not environment.docker.images() or not registry.username:
        return {}
    password = registry.password or os.environ.get(REGISTRY_PASSWORD, "")
    return {REGISTRY_PASSWORD: password} if password else {}


def identity(image: ImageSpec) -> list[object]:
    """What of the image part decides what is built. Raises UserErrorException for a context
    that cannot be read."""
    content = image.context
    if content and not build_contexts.is_git(content):
        content = build_contexts.digest(Path(content), image.dockerfile_path)
    return [
        "image",
        _BUILD_FORMAT,
        image.name,
        image.dockerfile,
        content,
        image.dockerfile_path,
        image.platform or platform.machine(),
    ]


def notices(environment: Environment, image: ImageSpec | None, use_docker: bool) -> list[str]:
    """What the user should know of the image part, one sentence each."""
    docker = environment.docker
    if image is not None:
        if has_credentials(image.dockerfile):
            return [
                "the Dockerfile holds an address with a password: it is stored with the run and "
                "in the image; use a build secret or the settings of pip instead"
            ]
        return []
    if docker.images():
        return [
            f"docker.base_image {docker.base_image!r} is not used: it is a default of SDK v1 and "
            "no container is asked for; docker.use_docker=True uses it"
        ]
    if docker.enabled:
        return ["no container is used: docker.enabled is True but no image is named"]
    return []


def as_copies(wanted: Requirements) -> Requirements:
    """The same, with editable projects installed as copies: their folders are not in an image."""
    editable = [line for line in wanted.requirements if line.startswith("-e ")]
    if not editable:
        return wanted
    listed = ", ".join(line.removeprefix("-e ") for line in editable)
    return replace(
        wanted,
        requirements=[line.removeprefix("-e ") for line in wanted.requirements],
        local_paths=[LocalPath(item.path, editable=False) for item in wanted.local_paths],
        notices=[*wanted.notices, f"in an image not editable, installed as a copy: {listed}"],
    )


def registry_of(name: str) -> str:
    """The registry of an image's name: 'docker.io' where the name begins with none."""
    first, slash, _ = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return "docker.io" if first in _DOCKER_HUB else first
    return "docker.io"


def _login(docker: DockerSection) -> tuple[str, str]:
    """Address and user of the registry, '' for what is not given."""
    registry = docker.base_image_registry
    if registry.registry_identity is not None:
        raise RunConfigurationException(
            "docker.base_image_registry.registry_identity is not built yet in this version; give "
            "username and password"
        )
    address = re.sub(r"^https?://", "", registry.address or "").rstrip("/")
    if address and not _ADDRESS.match(address):
        raise UserErrorException(
            f"docker.base_image_registry.address {registry.address!r} is no address of a "
            "registry; give its host, such as 'myregistry.azurecr.io' or 'localhost:5000'"
        )
    if address.partition("/")[0] in _DOCKER_HUB:
        address = "docker.io"
    if registry.password and not registry.username:
        raise UserErrorException(
            "docker.base_image_registry has a password and no username; set username too"
        )
    return address, registry.username or ""


def _full_name(given: str, address: str) -> str:
    """The image with the address of its registry in front."""
    name = given.strip()
    if _FILE.match(name):
        return name
    if not _REFERENCE.match(name):
        raise UserErrorException(
            f"docker.base_image {given!r} is no name of an image; give one such as "
            "'ubuntu:22.04' or 'registry.example/team/image:tag', or for a cluster the absolute "
            "path of a .sif or .sqsh file"
        )
    if not address or name.startswith(f"{address}/"):
        return name
    present = registry_of(name)
    if present == address:
        return name
    if present != "docker.io" or name.partition("/")[0] in _DOCKER_HUB:
        raise UserErrorException(
            f"docker.base_image {given!r} names the registry {present!r}, but "
            f"docker.base_image_registry.address is {address!r}; leave one of them out"
        )
    return f"{address}/{name}"


def _platform(section: PlatformSection) -> str:
    """'' for the default, which every file holds: the engine takes that of this machine."""
    given = (str(section.os or "Linux").lower(), str(section.architecture or "amd64").lower())
    if given[0] != "linux" or not re.match(r"^[a-z0-9][a-z0-9/_.-]*$", given[1]):
        raise RunConfigurationException(
            f"docker.platform os={section.os!r}, architecture={section.architecture!r}: only "
            "Linux images can be used, of an architecture such as 'amd64' or 'arm64'"
        )
    return "" if given == ("linux", "amd64") else "/".join(given)
