"""Where an image comes from: registry, build context, platform (spec 6, 8)."""

from __future__ import annotations

import enum
from os import PathLike
from pathlib import Path

from runyard.environments.sections import Section


class ContainerRegistry(Section):
    """An image registry: ``address``, ``username``, ``password``, ``registry_identity`` (None).

    The password is never written to a file.
    """

    _names = ("address", "username", "password", "registry_identity")

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None
        self.registry_identity: object = None

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in ("address", "username")]
        return f"ContainerRegistry({', '.join(shown)})"


class PlatformSection(Section):
    """What an image is built for: ``os`` ('Linux'), ``architecture`` ('amd64')."""

    _names = ("os", "architecture")

    def __init__(self) -> None:
        self.os = "Linux"
        self.architecture = "amd64"


class DockerBuildContext(Section):
    """A folder or repository with a Dockerfile.

    ``location_type`` (one of ``LocationType``, or its text; None), ``location`` (path or URL),
    ``dockerfile_path`` ('Dockerfile', relative to the location).
    """

    class LocationType(str, enum.Enum):
        """``Local``: a folder of this machine; ``Git``: a repository."""

        Local = "local"
        Git = "git"

        def __str__(self) -> str:
            return self.value

    _names = ("location_type", "location", "dockerfile_path")

    def __init__(
        self,
        location_type: str | None = None,
        location: str | None = None,
        dockerfile_path: str = "Dockerfile",
    ) -> None:
        self.location_type = None if location_type is None else str(location_type)
        self.location = location
        self.dockerfile_path = dockerfile_path

    @staticmethod
    def from_local_directory(
        workspace: object, path: str | PathLike[str], dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        """The context of a folder; it stays where it is, ``workspace`` is not used.

        Raises FileNotFoundError when the folder or the Dockerfile in it is missing.
        """
        folder = Path(path).expanduser().absolute()
        if not folder.is_dir():
            raise FileNotFoundError(f"DockerBuildContext: there is no folder {str(folder)!r}")
        if not (folder / dockerfile_path).is_file():
            raise FileNotFoundError(
                f"DockerBuildContext: there is no file {dockerfile_path!r} in {str(folder)!r}; "
                "name the Dockerfile with dockerfile_path"
            )
        kind = DockerBuildContext.LocationType.Local
        return DockerBuildContext(kind, str(folder), dockerfile_path)

    def __repr__(self) -> str:
        return (
            f"DockerBuildContext(location_type={self.location_type!r}, "
            f"location={self.location!r}, dockerfile_path={self.dockerfile_path!r})"
        )
