"""A layer of packages on top of another one: only what is new of it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runyard.containers.engine import Engine

_COPY_S = 900.0
State = tuple[int, int, int, int]


def take(
    engine: Engine, image: str, place: str, folder: str, *, name: str, labels: Mapping[str, str]
) -> None:
    """Copy what an image has at ``place`` into an existing folder of this machine.

    ``name``, ``labels``: of the container that is made for it, and never started. Raises
    EngineError.
    """
    given = [part for item in labels.items() for part in ("--label", "=".join(item))]
    try:
        # An image may name no program, and the engine asks for one.
        engine.ask("create", "--name", name, *given, image, "none")
        engine.ask("cp", f"{name}:{place}/.", folder, timeout_s=_COPY_S)
    finally:
        engine.remove(name)


def states(folder: str) -> dict[str, State]:
    """What tells whether a file is still the same, by its path in the folder."""
    return {path: _state(os.path.join(folder, path)) for path in _paths(folder)}


def keep_changes(folder: str, before: Mapping[str, State]) -> None:
    """Remove what is as it was, and folders that are empty then."""
    for path in list(_paths(folder)):
        full = os.path.join(folder, path)
        if before.get(path) == _state(full):
            os.unlink(full)
    for place, _, _ in os.walk(folder, topdown=False):
        if place != folder and not os.listdir(place):
            os.rmdir(place)


def _state(path: str) -> State:
    found = os.lstat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _paths(folder: str) -> Iterator[str]:
    """All that is no folder; links to folders are files here."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*links, *files):
            yield os.path.relpath(os.path.join(place, name), folder)
