"""One piece of work that is measured, and where the scenarios are found."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beside.contender import Contender


@dataclass(frozen=True)
class Quantity:
    """What is measured: smaller is better. ``zero``: nothing at all is a possible result."""

    key: str
    title: str
    unit: str
    zero: bool = False


@dataclass(frozen=True)
class Scenario:
    """``what``: one or two sentences of what is done and between which moments it is measured.

    The first contender is what the others are compared with. ``warm_up`` rounds do not count.
    ``around``: what all contenders share, as a cluster; it may raise NotMeasured for all of them.
    """

    name: str
    title: str
    what: str
    quantities: tuple[Quantity, ...]
    contenders: tuple[Contender, ...]
    rounds: int = 10
    warm_up: int = 1
    around: Callable[[], AbstractContextManager[object]] = nullcontext

    def quick(self) -> tuple[Contender, ...]:
        """The contenders of the quick variant."""
        return tuple(contender for contender in self.contenders if contender.quick)


def find() -> dict[str, Scenario]:
    """All scenarios by name, those of a module in its order."""
    found: dict[str, Scenario] = {}
    for path in sorted((Path(__file__).parent / "scenarios").glob("[a-z]*.py")):
        module = importlib.import_module(f"benchmarks.beside.scenarios.{path.stem}")
        for scenario in module.SCENARIOS:
            assert scenario.name not in found, f"two scenarios are named {scenario.name!r}"
            found[scenario.name] = scenario
    return found
