"""Compute targets as history sees them: who can say whether a run is still there.

The classes are found by name and imported on demand, so that opening a workspace does not import
what starts runs.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from runyard.errors import ComputeTargetException
from runyard.record import computes, jsonl
from runyard.record.layout import RunDirectory, WorkspaceDirectory
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


class QueuePlace(NamedTuple):
    """Where a run stands in the queue of ``target``: ``position`` of ``length``, the first is 1.

    ``whose``: who submitted it, where it is for them to start it; '' for a run of this user.
    ``why``: what it waits for, where the target says that; '' where it does not.
    """

    target: str
    position: int
    length: int
    whose: str = ""
    why: str = ""

    def __str__(self) -> str:
        text = f"position {self.position} of {self.length} in the queue of {self.target}"
        text = f"{text}, submitted by {self.whose}" if self.whose else text
        return f"{text} ({self.why})" if self.why else text


class ComputeTarget(Protocol):
    """Where runs run; ``runyard.computes.protocol`` has the whole contract.

    A handle is what ``submit`` returned: JSON, kept as ``handle.json``. A target with a queue
    that can be looked at has ``places(runs)`` as well: the ``QueuePlace`` of each, None for one
    that does not wait. One that knows why a run is gone has ``why(handle)``: the ``Reason`` and a
    sentence, or None where it does not know either. One that can have another
    runner go on with a run that has lost its own has ``adopt(run, ownership)``: '' when one has
    begun, which has inherited the lock, else a sentence that says why not, '-' where there is
    nothing to go on with. One with ``STARTS_AGAIN = True`` starts a lost run with ``max_restarts``
    again by itself. One whose ``submit`` waits for another program has
    ``submit_beside(run, ownership, secrets, spec, fill)`` too, which calls ``fill()`` while it
    waits: that writes run.json, with this ``spec``; and ``ahead(run, spec, secrets)``, a context
    in which the run's folder is made. One with ``shares_disk = False`` starts runners that do not
    see the run directory: ``python -m runyard.runner far RUN_ID``, with ``secrets`` among their
    variables.
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
    "amlcompute": "runyard.computes.run_based:RunBasedTarget",
    "local": "runyard.computes.local:LocalTarget",
}

_BUILT_IN = dict(_FACTORIES)

_KINDS: dict[str, str] = {
    "AmlCompute": "runyard.computes.pool:Pool",
    "AmlCompute on a cluster": "runyard.computes.slurm.pool:SlurmPool",
    "Slurm": "runyard.computes.slurm.target:SlurmTarget",
}
"""Type of a target of the workspace → class, made of the workspace and the record."""


_KEPT = (computes.KIND, "engine", "slurm_conf", "cluster_name")
"""What a handle says of a target that is there no more."""


def load_target(
    name: str,
    workspace: WorkspaceDirectory | None = None,
    handle: Mapping[str, Any] | None = None,
) -> ComputeTarget:
    """The target of that name: one of everywhere, or of the workspace's ``computes/``.

    ``handle``: of a run that went there; it says of which type a target of the workspace was that
    is there no more. Raises ComputeTargetException when there is none, or it is broken: errors of
    a plug-in are in the message and its cause.
    """
    factory = _FACTORIES.get(name)
    record = None if factory is not None or workspace is None else computes.read(workspace, name)
    if factory is None and record is None and handle and handle.get(computes.KIND) in _KINDS:
        record = {"name": name, **{k: handle[k] for k in _KEPT if k in handle}}
    if factory is None and record is None:
        raise ComputeTargetException(f"{TARGET_NOT_FOUND}{unknown(name, workspace)}")
    place = factory or kind_of(name, record or {})
    try:
        made = _resolve(place)
        return made() if record is None else made(workspace, record)
    except (ImportError, AttributeError) as error:
        raise ComputeTargetException(
            f"compute target {name!r} cannot be loaded from {place!r}: {error}", error
        ) from error


def place_of(name: str) -> str | None:
    """Where a target that was made known in this process is found by others: module:attribute.

    None for those that every process knows.
    """
    factory = _FACTORIES.get(name)
    if factory is None or factory == _BUILT_IN.get(name):
        return None
    if isinstance(factory, str):
        return factory
    return f"{factory.__module__}:{factory.__qualname__}"


def shares_disk(target: object) -> bool:
    """Whether the runners of a target see the workspaces of this machine; most do."""
    return bool(getattr(target, "shares_disk", True))


def unknown(name: object, workspace: WorkspaceDirectory | None) -> str:
    """That there is no target of that name, which there are, and what to type."""
    made = (name for name in _FACTORIES if name != "amlcompute")  # which nobody asks for by name
    known = [*made, *(computes.names(workspace) if workspace is not None else ())]
    return (
        f"no compute target named {name!r}; known here: {', '.join(sorted(known))}. Make one: "
        f"runyard compute create {name} --max-nodes 2"
    )


def kind_of(name: str, record: Mapping[str, Any]) -> str:
    """Where the class of a target of the workspace is. Raises ComputeTargetException."""
    kind = record.get(computes.KIND)
    if record.get("engine"):  # a cluster of this workspace, that has its nodes
        kind = f"{kind} on a cluster"
    if kind not in _KINDS:
        raise ComputeTargetException(
            f"compute target {name!r} is of type {kind!r}, which this version does not know; it "
            f"knows {', '.join(_KINDS)}"
        )
    return _KINDS[str(kind)]


def place(run: RunDirectory, target: str | None = None) -> QueuePlace | None:
    """Where one run stands in a queue; None when it does not wait in one that can be looked at.

    ``target``: of its run.json, which is read without it.
    """
    if target is None:
        try:
            target = str(jsonl.read_json(run.run_json)["spec"]["target"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return places(run.workspace, target, [run])[0]


def places(
    workspace: WorkspaceDirectory, target: str | None, runs: Sequence[RunDirectory]
) -> list[QueuePlace | None]:
    """Where runs stand in the queue of their target, in the same order; None: nobody can say."""
    try:
        found = getattr(load_target(target or "", workspace), "places", None)
    except ComputeTargetException:
        found = None
    return [None for _ in runs] if found is None else list(found(runs))


def _resolve(factory: str | Callable[[], ComputeTarget]) -> Callable[..., ComputeTarget]:
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    found: Callable[..., ComputeTarget] = getattr(importlib.import_module(module), attribute)
    return found


def register_target(name: str, factory: str | Callable[[], ComputeTarget]) -> None:
    """Make a target known, or replace it: a class, or its place as ``module:attribute``."""
    _FACTORIES[name] = factory
