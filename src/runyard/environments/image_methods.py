"""Environments described by an image, a Dockerfile or a build context (spec 6)."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.container_sections import ContainerRegistry, DockerBuildContext
    from runyard.environments.environment import Environment


class ImageMethods:
    """Constructors of Environment that name an image; they only describe it."""

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | PathLike[str] | None = None,
        pip_requirements: str | PathLike[str] | None = None,
    ) -> Environment:
        """An environment in an image. Without a file of packages the image's Python is used.

        Raises UserErrorException for both files, FileNotFoundError for a missing one.
        """
        environment = _with_packages(name, conda_specification, pip_requirements)
        environment.docker.base_image = image
        if container_registry is not None:
            environment.docker.base_image_registry = container_registry
        return environment

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: Any,
        conda_specification: str | PathLike[str] | None = None,
        pip_requirements: str | PathLike[str] | None = None,
    ) -> Environment:
        """An environment in the image of a Dockerfile: its text, path or open file.

        Raises what ``from_docker_image`` and ``docker.base_dockerfile`` raise.
        """
        environment = _with_packages(name, conda_specification, pip_requirements)
        environment.docker.base_dockerfile = dockerfile
        return environment

    @staticmethod
    def from_docker_build_context(
        name: str, docker_build_context: DockerBuildContext
    ) -> Environment:
        """An environment in the image of a build context, whose Python is used."""
        environment = _with_packages(name, None, None)
        environment.docker.build_context = docker_build_context
        return environment


def _with_packages(
    name: str,
    conda_specification: str | PathLike[str] | None,
    pip_requirements: str | PathLike[str] | None,
) -> Environment:
    from runyard.environments.environment import Environment

    if conda_specification is not None and pip_requirements is not None:
        raise UserErrorException(
            f"environment {name!r}: conda_specification and pip_requirements are both given; "
            "write the pip requirements into the pip section of the conda file"
        )
    if conda_specification is not None:
        return Environment.from_conda_specification(name, conda_specification)
    if pip_requirements is not None:
        return Environment.from_pip_requirements(name, pip_requirements)
    environment = Environment(name)
    environment.python.user_managed_dependencies = True
    return environment
