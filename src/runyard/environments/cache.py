"""Where built environments lie, and whether one is ready.

Standard library only, and as little of it as possible: the runner calls :func:`built` before it
starts the user's script (budget 10 ms).
"""

from __future__ import annotations

import os

from runyard.record import early_json

TYPE_CHECKING = False
if TYPE_CHECKING:  # Importing typing would be a third of the time.
    from typing import Any

MARKER_FORMAT = 1
MARKER_NAME = "runyard.json"
_CURRENT = ".current"
# A build may be refreshed, and the refreshed one again; the bound ends a circle made by hand.
_REFRESHES = 1000


def cache_dir() -> str:
    """Absolute path of runyard's cache folder; it may not exist yet. Raises as ``settings.get``."""
    own = os.environ.get("RUNYARD_CACHE_DIR")
    if own:  # as in settings, which is not imported for it
        return os.path.abspath(os.path.expanduser(own))
    from runyard import settings

    return settings.cache_dir()


def prefix(key: str) -> str:
    """Absolute path of the environment of ``key``, built or not."""
    return os.path.join(cache_dir(), "environments", key)


def built(key: str) -> dict[str, Any] | None:
    """Return the ready marker of ``key``, or None when there is no usable build.

    The marker is written last, so its existence says that the build ended well. The interpreter
    is looked at too: it is a link to a Python that may have been uninstalled since. Whether an
    image (``marker["image"]``) is still there only its engine knows; it is not asked here.
    """
    if not key:
        return None
    marker = read_json(os.path.join(prefix(key), MARKER_NAME))
    if marker is None or marker.get("format") != MARKER_FORMAT or marker.get("key") != key:
        return None
    there = "image" in marker or os.path.exists(str(marker.get("python", "")))
    return marker if there else None


def used(key: str) -> dict[str, Any] | None:
    """``built``, for a process that uses the environment from now on until it ends.

    Marks the time of use, and keeps pruning away by a lock that ends with the process.
    """
    marker = built(key)
    if marker is None:
        return None
    import fcntl

    try:
        descriptor = os.open(use_lock(key), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # a cache of somebody else's: it cannot be pruned by us either
        return marker
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(os.path.join(prefix(key), MARKER_NAME))
    except (BlockingIOError, FileNotFoundError):  # it is being removed
        os.close(descriptor)
        return None
    except OSError:
        return marker
    return marker


def use_lock(key: str) -> str:
    """The file that is locked by whoever uses the environment of ``key``."""
    return f"{prefix(key)}.use"


def current(key: str) -> str:
    """The key of the build that stands for ``key``: its own, or that of its last refresh."""
    for _ in range(_REFRESHES):
        try:
            with open(f"{prefix(key)}{_CURRENT}", encoding="ascii") as file:
                key = file.read().strip() or key
        except (OSError, ValueError):
            break
    return key


def set_current(key: str, built_key: str) -> None:
    """Make the build of ``built_key`` the one that stands for ``key``. Raises OSError."""
    path = f"{prefix(key)}{_CURRENT}"
    partial = f"{path}.{os.getpid()}.partial"
    with open(partial, "w", encoding="ascii") as file:
        file.write(built_key)
    os.replace(partial, path)


def build_lock(key: str) -> str:
    """The file that is locked by whoever builds the environment of ``key``."""
    return f"{prefix(key)}.lock"


def read_json(path: str) -> dict[str, Any] | None:
    """Return the JSON object in the file, or None when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            content = early_json.loads(file.read())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: str, content: dict[str, Any]) -> None:
    """Write a JSON object so that a reader sees all of it or nothing; OSError when it cannot.

    Not synced to the disk: that would wait for the thousands of files of the environment as well
    (10 to 40 ms), and what is not readable after a power loss counts as not there.
    """
    import json

    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise
