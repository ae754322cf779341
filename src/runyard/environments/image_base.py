"""The image that packages are installed on: here already, pulled, or built of a Dockerfile."""

from __future__ import annotations

import os

from runyard.containers.errors import EngineError
from runyard.environments.secret_names import REGISTRY_PASSWORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runyard.containers.engine import Engine
    from runyard.containers.login import Login


class Base:
    """``id`` of the image; ``name`` as the user gave it, or ours of one that is ``built`` here;
    ``digests``: names by which its registry has exactly this image."""

    def __init__(self, id: str, name: str, built: bool, digests: tuple[str, ...] = ()) -> None:
        self.id = id
        self.name = name
        self.built = built
        self.digests = digests

    def record(self) -> dict[str, Any]:
        """As a marker holds it."""
        return {
            "id": self.id,
            "name": self.name,
            "built": self.built,
            "digests": list(self.digests),
        }


def login(image: Any, password: str) -> Login | None:
    """The login that the plan asks for, None where it asks for none.

    Raises EngineError('login') when the password is not there.
    """
    if not image.username:
        return None
    from runyard.containers.login import Login

    if not password:
        raise EngineError(
            "login",
            f"The registry {image.registry or 'docker.io'} is to be used as {image.username!r}, "
            "but there is no password",
            "Set docker.base_image_registry.password of the environment, or the variable "
            f"{REGISTRY_PASSWORD}",
        )
    registry = "" if image.registry == "docker.io" else image.registry
    return Login(registry, image.username, password)


def prepare(
    engine: Engine,
    image: Any,
    say: Callable[[str], object],
    *,
    password: str = "",
    anew: bool = False,
    tag: str,
    labels: dict[str, str],
) -> Base:
    """Get the image of the plan's image part; raises EngineError.

    One that is named is pulled only where it is not here. ``anew``: it is pulled, or built, even
    so. ``tag``, ``labels``: of an image that is built.
    """
    if image.name:
        return _named(engine, image, say, password, anew)
    what = f"of {image.context}" if image.context else "of the Dockerfile"
    say(f"Building the image {what}")
    id = engine.build(
        say,
        dockerfile=image.dockerfile or None,
        context=image.context or None,
        dockerfile_path=image.dockerfile_path,
        tag=tag,
        labels=labels,
        platform=image.platform,
        login=login(image, password),
        fresh=anew,
    )
    return Base(id, tag, True)


def _named(
    engine: Engine, image: Any, say: Callable[[str], object], password: str, anew: bool
) -> Base:
    here = engine.image(image.name)
    if here is None or anew:
        say(f"Pulling {image.name}")
        try:
            engine.pull(image.name, say, login(image, password), image.platform)
        except EngineError as failure:
            if here is None:
                raise
            say(f"  note: it cannot be pulled again, the one here is used: {failure.message}")
        here = engine.image(image.name)
    if here is None:  # podman keeps one without a registry under its full name
        raise EngineError("image_not_found", f"The image {image.name} was pulled and is not here")
    return Base(here.id, image.name, False, here.repo_digests)


def forget_password() -> str:
    """Take the password out of this process's environment, where every child would see it."""
    return os.environ.pop(REGISTRY_PASSWORD, "")
