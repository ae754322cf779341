"""``DockerImageDetails``: what is known of the image of an environment (spec 6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.environments import built_images, cache, image_venv, plain
from runyard.environments.planning import resolve

if TYPE_CHECKING:
    from runyard.environments.container_sections import ContainerRegistry
    from runyard.environments.environment import Environment
    from runyard.environments.spec import EnvironmentSpec, ImageSpec


class DockerImageDetails:
    """The image of an environment, built or to be built.

    ``image_exist`` (bool): it is built, and its engine has it. ``image``: its name, and
    ``repository``: the part before the tag; None for an environment without an image.
    ``registry`` (ContainerRegistry): that of the base image. ``dockerfile``: text of the
    Dockerfile of the base, None where it is not on this machine. ``interpreter_path``,
    ``environment_path``: in the image, or on this machine without one; None while unknown.
    """

    def __init__(
        self,
        *,
        image_exist: bool,
        image: str | None,
        registry: ContainerRegistry,
        dockerfile: str | None,
        interpreter_path: str | None,
        environment_path: str | None,
    ) -> None:
        self.image_exist = image_exist
        self.image = image
        self.repository = None if image is None else image.rpartition(":")[0]
        self.registry = registry
        self.dockerfile = dockerfile
        self.interpreter_path = interpreter_path
        self.environment_path = environment_path

    def __repr__(self) -> str:
        shown: dict[str, Any] = {**vars(self), "registry": plain.section(self.registry)}
        return json.dumps(shown, indent=4, sort_keys=True)


def of(environment: Environment) -> DockerImageDetails:
    """The details of an environment as it would be built now. Raises what planning raises."""
    spec = resolve(environment, source_directory=Path.cwd())
    marker = cache.built(spec.key)
    image = None if spec.image is None else built_images.tag_of(spec.name, spec.key)
    interpreter, prefix = _places(spec, marker)
    engine = built_images.engine_with(marker) if image and marker else None
    return DockerImageDetails(
        image_exist=engine is not None,
        image=marker["image"]["tag"] if image and marker else image,
        registry=environment.docker.base_image_registry,
        dockerfile=None if spec.image is None else _dockerfile(spec.image),
        interpreter_path=interpreter,
        environment_path=prefix,
    )


def _places(spec: EnvironmentSpec, marker: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """Interpreter and folder of the environment."""
    if marker is not None:
        return str(marker["python"]), str(marker.get("prefix") or cache.prefix(spec.key))
    if spec.kind == "user_managed":
        if spec.image is not None:
            return None, None
        return spec.interpreter, str(Path(spec.interpreter).parent.parent)
    if spec.image is None or spec.image.prefix_key:
        prefix = cache.prefix(spec.key if spec.image is None else spec.image.prefix_key)
        return f"{prefix}/bin/python", prefix
    return image_venv.PYTHON, image_venv.FOLDER


def _dockerfile(image: ImageSpec) -> str | None:
    if image.dockerfile:
        return image.dockerfile
    if image.name:
        return f"FROM {image.name}\n"
    file = Path(image.context, image.dockerfile_path)
    return file.read_text(encoding="utf-8") if file.is_file() else None
