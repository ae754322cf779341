"""The built environments in the cache."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any

from runyard.environments import cache
from runyard.errors import UserErrorException


@dataclass(frozen=True)
class Cached:
    """One environment of the cache.

    ``finished``: False for what a build that was killed left, which is never used. ``lock``: what
    is installed. ``size_bytes``: of all files; those shared with the cache of uv count too, and of
    an image its base. ``image``: its name, ``engine``: who has it; both '' for a folder.
    ``base``: the key of the environment that it was made from, '' for none.
    ``built``, ``last_used``: Unix times; ``built`` is None where ``finished`` is False.
    """

    key: str
    prefix: str
    finished: bool
    name: str
    python_version: str
    requirements: tuple[str, ...]
    lock: tuple[str, ...]
    size_bytes: int
    built: float | None
    last_used: float
    image: str = ""
    engine: str = ""
    base: str = ""


def every() -> list[Cached]:
    """All environments in the cache, last used first."""
    try:
        entries = list(os.scandir(folder()))
    except FileNotFoundError:
        return []
    keys = [e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name[:1] != "."]
    found = [item for item in map(_cached, keys) if item is not None]
    return sorted(found, key=lambda item: item.last_used, reverse=True)


def find(text: str) -> Cached:
    """The finished environment whose key begins with the text, or whose name it is.

    Of several with that name, the one last used. Raises UserErrorException without one, or for
    the beginning of several keys.
    """
    finished = [item for item in every() if item.finished]
    named = [item for item in finished if item.name == text]
    keyed = [item for item in finished if text and item.key.startswith(text)]
    if len(keyed) > 1 and not named:
        raise UserErrorException(
            f"{text!r} is the beginning of {len(keyed)} keys: "
            f"{', '.join(item.key for item in keyed)}; give more of it"
        )
    if not named and not keyed:
        raise UserErrorException(
            f"no environment in {folder()} has the key or the name {text!r}; see: runyard env list"
        )
    return (named or keyed)[0]


def folder() -> str:
    """The folder of all environments."""
    return os.path.dirname(cache.prefix("key"))


def _cached(key: str) -> Cached | None:
    prefix = cache.prefix(key)
    marker_path = os.path.join(prefix, cache.MARKER_NAME)
    marker = cache.read_json(marker_path)
    finished = marker is not None and marker.get("key") == key
    try:
        last_used = os.stat(marker_path if finished else prefix).st_mtime
    except FileNotFoundError:  # removed since the folder was listed
        return None
    content: dict[str, Any] = marker if marker is not None and finished else {}
    image = content.get("image") or {}
    return Cached(
        key=key,
        prefix=prefix,
        finished=finished,
        name=str(content.get("name", "")),
        python_version=str(content.get("python_version", "")),
        requirements=tuple(content.get("requirements") or ()),
        lock=tuple(content.get("lock") or ()),
        size_bytes=int(image["size_bytes"]) if image else _size(prefix),
        built=content.get("built"),
        last_used=last_used,
        image=str(image.get("tag", "")),
        engine=str(image.get("engine", "")),
        base=str(content.get("base", "")),
    )


def _size(prefix: str) -> int:
    total = 0
    for directory, _, names in os.walk(prefix):
        for name in names:
            try:
                status = os.lstat(os.path.join(directory, name))
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                total += status.st_size
    return total
