"""Links at absolute places: runs that go on at the same time share one, and the last removes it.

    <cache folder>/data/links/<key>.lock   locked by every run that uses what is at a place
    <cache folder>/data/links/<key>.made   the link there was made by a run, not by somebody else

Standard library only: used by the runner.
"""

from __future__ import annotations

import contextlib
import os

from runyard import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runyard.data.places import Place

_held: dict[str, int] = {}
"""Descriptors of locks by place, until `remove`, or until this process ends."""


def hold(found: Iterable[Place]) -> None:
    """Keep other runs from removing links that this one makes, or finds. Raises OSError."""
    for place in found:
        shared = _shared(place)
        if shared and shared not in _held:
            _held[shared] = _locked(shared)


def make(place: Place) -> None:
    """Link a place to its source, unless another run does so in this moment. Raises OSError."""
    if _shared(place):
        os.close(os.open(_file(place.here, "made"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
    try:
        os.symlink(place.source, place.here)
    except FileExistsError:
        if os.path.realpath(place.here) != os.path.realpath(place.source):
            raise


def remove(place: Place) -> None:
    """Remove the link of a place unless another run uses it, or no run has made it."""
    ours = place.here != place.source and os.path.islink(place.here)
    if not ours or os.readlink(place.here) != place.source:
        return
    shared = _shared(place)
    if not shared:
        os.unlink(place.here)
        return
    with _alone(shared) as alone:
        made = _file(place.here, "made")
        if alone and os.path.exists(made):
            os.unlink(place.here)
            os.unlink(made)


def _shared(place: Place) -> str:
    """The place of a mount that is not in the run's own folder; '' of any other."""
    wanted = str(place.item.get("path_on_compute") or "")
    is_shared = place.mode == "mount" and os.path.isabs(wanted) and not place.contained
    return os.path.normpath(wanted) if is_shared else ""


def _locked(shared: str) -> int:
    import fcntl

    path = _file(shared, "lock")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextlib.contextmanager
def _alone(shared: str) -> Iterator[bool]:
    """Use a place no more: whether nobody else does, and begins to while in the block."""
    import fcntl

    descriptor = _held.pop(shared, None)
    descriptor = _locked(shared) if descriptor is None else descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    try:
        yield alone
    finally:
        os.close(descriptor)


def _file(place: str, kind: str) -> str:
    import hashlib

    key = hashlib.blake2b(os.fsencode(place), digest_size=20).hexdigest()
    return os.path.join(settings.cache_dir(), "data", "links", f"{key}.{kind}")
