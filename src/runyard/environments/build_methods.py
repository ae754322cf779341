"""Building an environment before a run needs it, and what is known of its image (spec 6)."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.build_details import ImageBuildDetails
    from runyard.environments.environment import Environment
    from runyard.environments.image_details import DockerImageDetails

_PLATFORMS = ("linux", "windows", "osx")
_OPTIONS = ("useDocker", "pushImageToWorkspaceAcr")

_log = logging.getLogger(__name__)


class BuildMethods:
    """``build``, ``build_local``, ``get_image_details`` and ``add_private_pip_wheel``."""

    def build(self, workspace: Any, image_build_compute: object = None) -> ImageBuildDetails:
        """Start building in the cache, in a process of its own; registers the environment first.

        Works for every kind: an image, a venv, conda packages, an interpreter of the user's. On
        this machine: ``image_build_compute`` has no effect, and a warning says so. Relative paths
        are those of the current folder. Raises what ``register`` and submitting raise.
        """
        if image_build_compute is not None:
            _log.warning(
                "image_build_compute=%r has no effect: it is built on this machine",
                image_build_compute,
            )
        return _started(_registered(self, workspace), use_docker=False)

    def build_local(
        self, workspace: Any, platform: str | None = None, **kwargs: Any
    ) -> ImageBuildDetails:
        """Build now, printing the log; returns when it is built.

        ``useDocker``: True asks for an image, which must be named; False builds the packages
        without one; left out, an image is built where one is named. ``platform``: 'Linux', or
        None. ``pushImageToWorkspaceAcr=True`` is refused: a workspace has no registry. Raises
        UserErrorException for these, TypeError for other names, ActivityFailedException with the
        reason when the build fails.
        """
        environment = _registered(self, workspace)
        use_docker = _checked(environment, platform, kwargs)
        if use_docker is False:
            environment = environment.clone(environment.name)
            for name in environment.docker.images():
                setattr(environment.docker, name, None)
        return _started(environment, use_docker=bool(use_docker)).wait_for_completion()

    def get_image_details(self, workspace: Any) -> DockerImageDetails:
        """What is known of the image, whether it is built or not; asks its engine.

        ``workspace`` is not used: built environments are shared by all workspaces.
        """
        from runyard.environments import image_details

        return image_details.of(_own(self))

    @staticmethod
    def add_private_pip_wheel(
        workspace: Any, file_path: str | PathLike[str], exist_ok: bool = False
    ) -> str:
        """Keep a wheel in the workspace; returns its URL, for ``add_pip_package``.

        ``exist_ok``: one of that name is replaced. Raises FileNotFoundError for a missing file,
        UserErrorException for one that is no wheel, or that is there already.
        """
        from runyard.environments import private_wheels

        return private_wheels.add(workspace, file_path, exist_ok)


def _own(methods: BuildMethods) -> Environment:
    from runyard.environments.environment import Environment

    assert isinstance(methods, Environment)
    return methods


def _registered(methods: BuildMethods, workspace: Any) -> Environment:
    from runyard.environments import curated

    environment = _own(methods)
    if environment.version is not None or curated.is_reserved(environment.name):
        return environment
    registered = environment.register(workspace)
    # Not kept with it; it is needed now.
    own = environment.docker.base_image_registry.password
    registered.docker.base_image_registry.password = own
    return registered


def _started(environment: Environment, *, use_docker: bool) -> ImageBuildDetails:
    from runyard.environments import build_details, conda_planning, image_planning
    from runyard.environments.planning import resolve

    spec = resolve(environment, source_directory=Path.cwd(), use_docker=use_docker)
    secrets = {
        **conda_planning.tokens(environment.python.conda_dependencies),
        **image_planning.secrets(environment),
    }
    return build_details.start(environment, spec, secrets)


def _checked(environment: Environment, platform: object, kwargs: dict[str, Any]) -> bool | None:
    """The value of ``useDocker``, None where it was left out."""
    unknown = [name for name in kwargs if name not in _OPTIONS]
    if unknown:
        raise TypeError(
            f"build_local() got an unexpected keyword argument {unknown[0]!r}; it takes platform, "
            f"{', '.join(_OPTIONS)}"
        )
    if platform is not None and str(platform).lower() not in _PLATFORMS[:1]:
        raise UserErrorException(
            f"build_local: platform={platform!r} cannot be built here; give 'Linux' or leave it out"
        )
    if kwargs.get("pushImageToWorkspaceAcr"):
        raise UserErrorException(
            "build_local: pushImageToWorkspaceAcr=True: a workspace has no registry; build it, "
            "and push the image of get_image_details(workspace).image to one of yours"
        )
    use_docker: bool | None = kwargs.get("useDocker")
    if use_docker and not environment.docker.images():
        raise UserErrorException(
            f"build_local: useDocker=True, but environment {environment.name!r} names no image; "
            "set docker.base_image, or leave useDocker out"
        )
    return use_docker
