"""Removing environments from the cache: never one that is in use or being built."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from runyard.environments import build_lock, build_owner, cache, inventory, waiting
from runyard.environments.inventory import Cached

_OURS = ".removed-"


@dataclass(frozen=True)
class Decision:
    """What becomes of an environment: ``removed``, and the sentence that says why or why not."""

    cached: Cached
    removed: bool
    why: str


def prune(
    *,
    now: float,
    older_than_s: float | None = None,
    max_bytes: float | None = None,
    wanted: Collection[str] = (),
    dry_run: bool = False,
) -> list[Decision]:
    """Remove environments not used for ``older_than_s``, then the longest unused ones until all
    others take at most ``max_bytes``; returns what was decided on those, in that order.

    ``wanted``: keys that runs which have not ended will use. One in use, or being built, stays
    and counts. ``dry_run``: decide, remove nothing.
    """
    left = inventory.every()
    if not dry_run:
        _remove_leftovers()
        if older_than_s is not None:
            _remove_unused(now - older_than_s)
        _remove_orphans(left)
    total = sum(item.size_bytes for item in left)
    decisions = []
    for item in reversed(left):
        why = _reason(item, now, older_than_s, total, max_bytes)
        if why is None:
            continue
        decision = _decide(item, why, wanted, dry_run)
        total -= item.size_bytes if decision.removed else 0
        decisions.append(decision)
    return decisions


def _reason(
    item: Cached, now: float, older_than_s: float | None, total: int, max_bytes: float | None
) -> str | None:
    idle_s = now - item.last_used
    if older_than_s is not None and idle_s > older_than_s:
        return f"not used for {idle_s / 86400:.1f} days"
    if max_bytes is not None and total > max_bytes:
        return f"the environments take {total / 1e9:.2f} GB"
    return None


def _decide(item: Cached, why: str, wanted: Collection[str], dry_run: bool) -> Decision:
    if item.key in wanted:
        return Decision(item, False, "kept: a run that has not ended uses it")
    try:
        return _decided(item, why, dry_run)
    except OSError as error:
        if error.errno not in build_lock.NO_FLOCK:
            raise
        return Decision(
            item, False, "kept: its folder has no file locks, so who uses it cannot be told"
        )


def _decided(item: Cached, why: str, dry_run: bool) -> Decision:
    lock = cache.build_lock(item.key)
    with _alone(lock) as nobody_builds:
        if not nobody_builds or build_owner.is_elsewhere(build_lock.owner_path(lock)):
            return Decision(item, False, "kept: it is being built")
        with _alone(cache.use_lock(item.key)) as nobody_uses:
            if not nobody_uses:
                return Decision(item, False, "kept: a run uses it")
            path = waiting.waits(item.key)
            if path:
                return Decision(item, False, f"kept: {path} waits in the queue of its cluster")
            reason = _image_stays(item, dry_run) if item.image else ""
            if reason:
                return Decision(item, False, f"kept: {reason}")
            if not dry_run:
                _remove(item)
    return Decision(item, True, why)


def _image_stays(item: Cached, dry_run: bool) -> str:
    """Remove the image from its engine, unless ``dry_run``; says why it stays, '' if it does not.

    Before what says that it is built: an image without that would never be removed, and where
    the image is gone a run builds it again.
    """
    from runyard.containers import finding
    from runyard.containers.errors import EngineError
    from runyard.environments import built_images

    marker = cache.read_json(os.path.join(item.prefix, cache.MARKER_NAME)) or {}
    try:
        engine = finding.named(item.engine)
        used = bool(built_images.containers_of(engine, marker["image"]["id"]))
        if not used and not dry_run:
            used = not built_images.remove(engine, marker["image"])
    except EngineError as error:
        return error.message
    return f"a container of {item.engine} uses it" if used else ""


@contextlib.contextmanager
def _alone(path: str) -> Iterator[bool]:
    """Hold a lock file; False when somebody else does. The file stays, see ``BuildLock``."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _remove(item: Cached) -> None:
    """First what says that it is built, then its name, then its files: never half of one."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(item.prefix, cache.MARKER_NAME))
    aside = os.path.join(inventory.folder(), f"{_OURS}{item.key}-{os.getpid()}")
    os.rename(item.prefix, aside)
    shutil.rmtree(aside)


def _remove_orphans(known: list[Cached]) -> None:
    """Images that no marker names: of builds that were killed, or of the engine used before."""
    from runyard.environments import image_mounts

    if not any(item.image for item in known) and not os.path.isdir(image_mounts.own_caches()):
        return  # no engine is asked where none was ever used
    from runyard.containers import finding
    from runyard.containers.errors import EngineError
    from runyard.environments import built_images

    for name in finding.ENGINES:
        with contextlib.suppress(EngineError):
            engine = finding.named(name)
            for image, key in built_images.of_this_cache(engine).items():
                with _alone(cache.build_lock(key)) as nobody_builds:
                    if nobody_builds and _marked(key, name) != image:
                        built_images.remove_with_names(engine, image)


def _marked(key: str, engine: str) -> str:
    """The id of the image that the marker of ``key`` names in the engine."""
    marker = cache.read_json(os.path.join(cache.prefix(key), cache.MARKER_NAME)) or {}
    image = marker.get("image") or {}
    return str(image.get("id", "")) if image.get("engine") == engine else ""


def _remove_unused(since: float) -> None:
    """What uv keeps for images, where no build used it since, and logs of builds before."""
    from runyard.environments import build_details, image_mounts

    for folder in (image_mounts.own_caches(), build_details.builds()):
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(folder):
                if entry.stat().st_mtime < since:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _remove_leftovers() -> None:
    """What a pruning that was killed had put aside."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(inventory.folder()):
            if entry.name.startswith(_OURS):
                shutil.rmtree(entry.path, ignore_errors=True)
