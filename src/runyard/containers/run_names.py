"""What the containers of a run are called, and which those are that it has."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory


def beginning(run: RunDirectory) -> str:
    """How the names of its containers begin; behind a '-' comes what tells them apart."""
    return "runyard-" + re.sub("[^A-Za-z0-9_.-]", "_", run.id)


def recorded(run: RunDirectory, place: Mapping[str, Any]) -> Iterator[str]:
    """The names of the run's containers by its container.json, which is ``place``.

    Raises ValueError when it comes to one of another run: the file may have come with somebody
    else's workspace. KeyError where it names none.
    """
    for name in map(str, place.get("containers") or [place["container"]]):
        if name.rpartition("-")[0] != beginning(run):
            raise ValueError(f"{name!r} is no container of this run")
        yield name
