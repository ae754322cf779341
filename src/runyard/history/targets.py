"""Compute targets as history sees them: who can say whether a run is still there.

The classes are found by name and imported on demand, so that opening a workspace does not import
what starts runs.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from runyard.errors import ComputeTargetException
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership

TARGET_NOT_FOUND = "ComputeTargetNotFound: "
"""What code written for SDK v1 looks for in the message of a ComputeTargetException."""


class TargetState(enum.Enum):
    """What a target knows about a run that has not ended."""

    ALIVE = "alive"
    """The run waits in the target's queue, or its runner lives."""
    GONE = "gone"
    """Neither: nothing will ever end this run. Only said when it is certain."""
    UNKNOWN = "unknown"
    """The target cannot tell now: another machine, or a scheduler that does not answer."""


class ComputeTarget(Protocol):
    """Where runs run; ``runyard.computes.protocol`` has the whole contract.

    A handle is what ``submit`` returned: JSON, kept as ``handle.json``.
    """

    def check(self, spec: Any) -> Sequence[Any]:
        """What of this JobSpec the target cannot do; empty when it can."""

    def submit(
        self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]
    ) -> dict[str, Any]:
        """Start a runner for the run; it inherits the lock. Returns the run's handle."""

    def poll(self, handles: Sequence[dict[str, Any]]) -> list[TargetState]:
        """The state of each run, in the same order."""

    def cancel(self, handle: dict[str, Any]) -> None:
        """End the run; idempotent, and no error when it is gone already."""

    def reap(self, run: RunDirectory) -> None:
        """End the processes that a run without a runner left behind; idempotent."""


_FACTORIES: dict[str, str | Callable[[], ComputeTarget]] = {
    "local": "runyard.computes.local:LocalTarget",
}


def load_target(name: str) -> ComputeTarget:
    """The target of that name. Raises ComputeTargetException when there is none, or it is broken.

    Importing errors of a plug-in are not hidden: they are in the message and its cause.
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        raise ComputeTargetException(
            f"{TARGET_NOT_FOUND}no compute target named {name!r}; known here: "
            f"{', '.join(sorted(_FACTORIES))}"
        )
    try:
        return _resolve(factory)()
    except (ImportError, AttributeError) as error:
        raise ComputeTargetException(
            f"compute target {name!r} cannot be loaded from {factory!r}: {error}", error
        ) from error


def _resolve(factory: str | Callable[[], ComputeTarget]) -> Callable[[], ComputeTarget]:
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    found: Callable[[], ComputeTarget] = getattr(importlib.import_module(module), attribute)
    return found


def register_target(name: str, factory: str | Callable[[], ComputeTarget]) -> None:
    """Make a target known, or replace it: a class, or its place as ``module:attribute``."""
    _FACTORIES[name] = factory
