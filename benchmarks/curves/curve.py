"""One curve: what is measured at which sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

Round = Callable[[], dict[str, float]]
"""Measures once: seconds by the name of a line."""


@dataclass(frozen=True)
class Curve:
    """``ready(size, folder)`` prepares what is not measured, and yields the function that measures.

    ``unit``: what sizes count. ``why``: one sentence on how it grows. ``quick``: the largest size
    of the quick variant. ``rounds``: so many of each size, fewer of those that take long.
    """

    name: str
    title: str
    unit: str
    why: str
    sizes: tuple[int, ...]
    ready: Callable[[int, Path], AbstractContextManager[Round]]
    quick: int = 1_000
    rounds: int = 5

    def sizes_of(self, quick: bool) -> Iterator[int]:
        """Those that are measured."""
        return (size for size in self.sizes if size <= self.quick or not quick)
