"""The images that were built of environments: their names, and whether an engine has them."""

from __future__ import annotations

import json
import re

from runyard.containers.errors import EngineError
from runyard.environments import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.containers.engine import Engine

_KEY_LABEL = "runyard.environment"
_CACHE_LABEL = "runyard.cache"
_NAME = re.compile(r"[^a-z0-9]+")


def tag_of(name: str, key: str) -> str:
    """The name of the image of an environment."""
    return f"runyard/{_NAME.sub('-', name.lower()).strip('-') or 'environment'}:{key}"


def labels(key: str) -> dict[str, str]:
    """The labels of what belongs to the environment of ``key``.

    The cache folder is one: what another one has on the same engine is none of ours.
    """
    return {_KEY_LABEL: key, _CACHE_LABEL: cache.cache_dir()}


def lost(marker: Mapping[str, Any], engine: Engine) -> str:
    """Why the image of a marker cannot be used with this engine, '' where it can."""
    image = marker["image"]
    if image["engine"] != engine.name:
        return f"The image was built with {image['engine']}, and {engine.name} is used now"
    if engine.image_id(image["id"]) is None:
        return f"The image {image['tag']} is no longer in {engine.name}"
    return ""


def engine_with(marker: Mapping[str, Any]) -> Engine | None:
    """The engine of this machine, if there is one and it has the image."""
    from runyard.containers import finding

    try:
        engine = finding.find()
        return None if lost(marker, engine) else engine
    except EngineError:
        return None


def containers_of(engine: Engine, image: str) -> list[str]:
    """The containers of an image, and of images on top of it, that run or have ended.

    Empty for an image that is not there.
    """
    found = engine.image_id(image)
    if found is None:
        return []
    # podman knows no id with the name of its algorithm here.
    bare = found.rpartition(":")[2]
    return engine.ask("ps", "--all", "--quiet", "--filter", f"ancestor={bare}").split()


def of_this_cache(engine: Engine) -> dict[str, str]:
    """The ids of all images that builds of this cache have made, each with the key it is for."""
    label = f"label={_CACHE_LABEL}={cache.cache_dir()}"
    listed = engine.ask("image", "ls", "--quiet", "--no-trunc", "--filter", label).split()
    found = filter(None, map(engine.image, dict.fromkeys(listed)))
    return {image.id: image.labels.get(_KEY_LABEL, "") for image in found}


def remove_labelled(engine: Engine, key: str) -> None:
    """Remove the containers and images that a build of ``key`` left in the engine."""
    # One filter: podman 4.3 lists the images that have any of several labels.
    wanted = labels(key)
    ours = ("--quiet", "--no-trunc", "--filter", f"label={_KEY_LABEL}={key}")
    for container in engine.ask("ps", "--all", *ours).split():
        known = json.loads(engine.ask("container", "inspect", container))[0]["Config"]
        if wanted.items() <= (known.get("Labels") or {}).items():
            engine.remove(container)
    listed = dict.fromkeys(engine.ask("image", "ls", *ours).split())
    for image in filter(None, map(engine.image, listed)):
        if wanted.items() <= image.labels.items():
            remove_with_names(engine, image.id)


def remove_with_names(engine: Engine, image: str) -> None:
    """Remove an image with every name it has, unless a container has it."""
    if containers_of(engine, image):
        return
    names = json.loads(engine.ask("image", "inspect", image))[0].get("RepoTags") or [image]
    for name in names:
        engine.remove_image(name)


def remove(engine: Engine, image: Mapping[str, Any]) -> bool:
    """Remove the image of a marker, and a base that was built for it alone.

    False when a container has it; an image that is not there any more is removed. One that the
    user named himself only loses the name we gave it.
    """
    removed = engine.remove_image(image["tag"])
    if image["base"]["built"]:
        engine.remove_image(image["base"]["name"])
    return removed or engine.image_id(image["tag"]) is None
