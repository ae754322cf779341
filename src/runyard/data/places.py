"""Where a run's script sees its data, and what that takes. Plans only; `staging` carries it out.

The runner reads it before the script starts: standard library only.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.record.layout import RunDirectory

VARIABLE = "AZUREML_DATAREFERENCE_"


class Place:
    """One data reference in one run.

    ``source``: on the datastore. ``seen``: the path the script is given. ``here``: the same
    file or folder as this machine names it; it differs in a container. ``mounts``: what a
    container must be shown, as (path here, path there). ``contained``: the script is in one.
    """

    __slots__ = (
        "contained",
        "datastore",
        "here",
        "mode",
        "mounts",
        "name",
        "overwrite",
        "path",
        "seen",
        "source",
    )

    def __init__(self, spec: Mapping[str, Any], seen: str, here: str) -> None:
        self.name: str = spec["name"]
        self.datastore: str = spec["datastore"]
        self.path: str = spec["path"]
        self.mode: str = spec["mode"]
        self.source: str = spec["source"]
        self.overwrite: bool = spec["overwrite"]
        self.seen, self.here = seen, here
        self.mounts: list[tuple[str, str]] = []
        self.contained = False

    def __str__(self) -> str:
        of = f"{self.datastore}:{self.path}" if self.path else self.datastore
        words = {"mount": "mount of", "download": "copy of", "upload": "uploaded to"}
        return f"{self.name}: {self.seen} ({words[self.mode]} {of})"


def places(run: RunDirectory, spec: Mapping[str, Any]) -> list[Place]:
    """The place of every data reference of a run; looks whether sources are files."""
    contained = spec.get("container") is not None
    found = [_place(run, item, contained) for item in spec["data"]]
    for place in found:
        place.contained = contained
    return found


def variables(found: Sequence[Place]) -> dict[str, str]:
    """The variables by which the script, and its arguments, find the data (spec 9.7)."""
    return {VARIABLE + place.name: place.seen for place in found}


def mounts(found: Sequence[Place]) -> list[tuple[str, str]]:
    """What a container must be shown, each once: (path here, path there)."""
    return list({there: (here, there) for place in found for here, there in place.mounts}.values())


def _place(run: RunDirectory, item: Mapping[str, Any], contained: bool) -> Place:
    wanted, source = item["path_on_compute"], item["source"]
    if wanted is None:
        if item["mode"] == "mount":
            return _shown(Place(item, source, source), run, contained)
        seen = os.path.join(run.path, "data", item["name"])
        return Place(item, *[_of_file(seen, source, item, into=True)] * 2)
    seen = _of_file(wanted, source, item, into=wanted.endswith(os.sep))
    if not os.path.isabs(seen):
        seen = os.path.normpath(os.path.join(run.work, seen))
        return _shown(Place(item, seen, seen), run, contained)
    if not contained:
        return Place(item, seen, seen)
    # Nobody on this machine has to have a folder of that name for the container to have one.
    here = source
    if item["mode"] != "mount":
        here = os.path.join(run.path, "data", item["name"])
        here = _of_file(here, source, item, into=True)
    place = Place(item, seen, here)
    place.mounts.append((here, seen))
    return place


def _of_file(place: str, source: str, item: Mapping[str, Any], into: bool) -> str:
    """``place``, or what is in it when it is a folder for a file."""
    place = place.rstrip(os.sep) or os.sep
    if into and item["mode"] != "upload" and os.path.isfile(source):
        return os.path.join(place, os.path.basename(source))
    return place


def _shown(place: Place, run: RunDirectory, contained: bool) -> Place:
    """A container sees the workspace, and what else is mounted must be shown to it."""
    inside = os.path.join(run.workspace.path, "")
    if contained and place.mode == "mount" and not place.source.startswith(inside):
        place.mounts.append((place.source, place.source))
    return place
