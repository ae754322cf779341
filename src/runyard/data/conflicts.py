"""Inputs and outputs of one run that cannot be in it together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import permutations

from runyard.data.spec import DatasetSpec, DataSpec, OutputSpec
from runyard.errors import UserErrorException

Part = DataSpec | DatasetSpec | OutputSpec


def check(
    data: Sequence[DataSpec],
    datasets: Sequence[DatasetSpec] = (),
    outputs: Sequence[OutputSpec] = (),
) -> None:
    """Raise UserErrorException for two of one name, and for two that are to be at one place."""
    every: list[Part] = [*data, *datasets, *outputs]
    _check_names(every)
    placed = [(_place(part), part) for part in every if part.path_on_compute]
    for (outer, one), (inner, other) in permutations(placed, 2):
        if "mount" in (one.mode, other.mode) or os.path.isabs(outer):
            _check_places(outer, one, inner, other)


def _check_names(parts: Iterable[Part]) -> None:
    known: dict[str, Part] = {}
    for part in parts:
        if part.name in known:
            raise UserErrorException(
                f"{_kind(known[part.name])} and {_kind(part)} are both named {part.name!r}; the "
                "script finds each by its name, so give one of them another"
            )
        known[part.name] = part


def _check_places(outer: str, one: Part, inner: str, other: Part) -> None:
    if outer == inner:
        kinds = f"{_kind(one)}s" if type(one) is type(other) else f"{_kind(one)} and {_kind(other)}"
        raise UserErrorException(
            f"{kinds} {one.name!r} and {other.name!r} are both to be at {outer!r}; give one of "
            "them another path_on_compute"
        )
    if one.mode == "mount" and inner.startswith(os.path.join(outer, "")):
        raise UserErrorException(
            f"{_kind(other)} {other.name!r} is to be at {inner!r}, which lies in the mount of "
            f"{one.name!r} at {outer!r}; give one of them another path_on_compute"
        )


def _place(part: Part) -> str:
    return os.path.normpath(part.path_on_compute or "")


def _kind(part: Part) -> str:
    kinds = {DataSpec: "data reference", DatasetSpec: "dataset input", OutputSpec: "output"}
    return kinds[type(part)]
